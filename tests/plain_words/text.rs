//! What of a file a user reads.

use std::path::Path;

/// The string literals of Rust code, and the doc comments where they are a command's help. Each run
/// of white space is one space, so that a phrase that a line break parts is one phrase.
pub(crate) fn of_rust(path: &Path, code: &str) -> Vec<String> {
    let help = path.starts_with("src/cli");
    let mut found = Vec::new();
    let mut rest = code;
    while let Some(next) = rest.chars().next() {
        if let Some(comment) = rest.strip_prefix("//") {
            let end = comment.find('\n').unwrap_or(comment.len());
            if let Some(doc) = comment[..end].strip_prefix('/').filter(|_| help) {
                found.push(doc.to_owned());
            }
            rest = &comment[end..];
        } else if let Some((text, after)) = raw_string(rest) {
            found.push(text.to_owned());
            rest = after;
        } else if let Some((text, after)) = quoted(rest, '"') {
            found.push(text);
            rest = after;
        } else if let Some((_, after)) = character(rest) {
            rest = after;
        } else {
            rest = &rest[next.len_utf8()..];
            // `for` and `r` of a name are no prefix of a string.
            if next.is_ascii_alphanumeric() || next == '_' {
                let name = |one: char| one.is_ascii_alphanumeric() || one == '_';
                rest = rest.trim_start_matches(name);
            }
        }
    }
    found.into_iter().map(|text| folded(&text)).collect()
}

/// A page: its paragraphs as single lines.
pub(crate) fn folded(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// `r"…"` and `r#"…"#`, with what follows.
fn raw_string(code: &str) -> Option<(&str, &str)> {
    let rest = code.strip_prefix('b').unwrap_or(code).strip_prefix('r')?;
    let body = rest.trim_start_matches('#');
    let hashes = &rest[..rest.len() - body.len()];
    body.strip_prefix('"')?.split_once(&format!("\"{hashes}"))
}

/// What stands between two of this mark, its escapes resolved as far as words go.
fn quoted(code: &str, mark: char) -> Option<(String, &str)> {
    let body = code.strip_prefix(mark)?;
    let mut text = String::new();
    let mut chars = body.char_indices();
    while let Some((at, one)) = chars.next() {
        if one == mark {
            return Some((text, &body[at + 1..]));
        }
        if one != '\\' {
            text.push(one);
            continue;
        }
        match chars.next()?.1 {
            'n' | 't' | '\n' => text.push(' '),
            other => text.push(other),
        }
    }
    None
}

/// A character, which is no lifetime.
fn character(code: &str) -> Option<(String, &str)> {
    let body = code.strip_prefix('\'')?;
    let mut chars = body.chars();
    let escaped = chars.next()? == '\\';
    if escaped || chars.next()? == '\'' { quoted(code, '\'') } else { None }
}

#[test]
fn strings_are_found_and_comments_are_not() {
    let code = "// \"no\"\n/// help\nlet x = \"one \\\n   \\\"two\\\"\\nthree\"; '\"' 'a r#\"four\"#\n\
                formatter(\"five\") b'\\'' b\"six\" \"https://seven\" // no";
    let all = ["help", "one \"two\" three", "four", "five", "six", "https://seven"];
    assert_eq!(of_rust(Path::new("src/cli/show.rs"), code), all);
    assert_eq!(of_rust(Path::new("src/web/site.rs"), code), all[1..]);
}
