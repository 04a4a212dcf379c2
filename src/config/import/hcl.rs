//! As much of HCL 1 as SPIRE's `server.conf` is written in: blocks with labels, and attributes.
//!
//! By hand: the crates that read HCL read its second version, and keep no lines.

use super::{Draft, ImportError};
use crate::config::place::quoted;

/// A block's depth in a real file is five.
const MAX_DEPTH: usize = 32;

/// `server`'s trust domain and relationships.
pub(super) fn relationships(text: &str) -> Result<(Option<String>, Vec<Draft>), ImportError> {
    let tokens = tokens(text)?;
    let mut parser = Parser { tokens: &tokens, at: 0 };
    let file = parser.body(0)?;
    let (mut own, mut drafts) = (None, Vec::new());
    for server in file.iter().filter(|item| item.name == "server") {
        own = server.text("trust_domain").map(str::to_owned).or(own);
        for federation in server.blocks("federation") {
            for partner in federation.blocks("federates_with") {
                drafts.push(draft(partner));
            }
        }
    }
    Ok((own, drafts))
}

fn draft(partner: &Item) -> Draft {
    let text = |item: &Item, name: &str| item.text(name).map(str::to_owned);
    let profile = partner.blocks("bundle_endpoint_profile").next();
    Draft {
        line: partner.line,
        trust_domain: partner.labels.first().cloned().unwrap_or_default(),
        url: text(partner, "bundle_endpoint_url").unwrap_or_default(),
        profile: profile.and_then(|profile| profile.labels.first().cloned()),
        endpoint_spiffe_id: profile.and_then(|profile| text(profile, "endpoint_spiffe_id")),
        bundle: None,
    }
}

/// A block, or an attribute.
struct Item {
    line: usize,
    name: String,
    labels: Vec<String>,
    /// An attribute's text, where it is one.
    text: Option<String>,
    body: Vec<Item>,
}

impl Item {
    fn blocks<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Item> {
        self.body.iter().filter(move |item| item.name == name)
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.body.iter().filter(|item| item.name == name).find_map(|item| item.text.as_deref())
    }
}

#[derive(Clone, Debug, Eq, PartialEq)]
enum Token {
    /// A name or a number.
    Word(String),
    Text(String),
    /// One of `{}[]=,`.
    Sign(char),
}

fn tokens(text: &str) -> Result<Vec<(usize, Token)>, ImportError> {
    let mut tokens = Vec::new();
    let mut chars = text.chars().peekable();
    let mut line = 1;
    while let Some(c) = chars.next() {
        match c {
            '\n' => line += 1,
            c if c.is_whitespace() => (),
            '#' => while chars.next_if(|c| *c != '\n').is_some() {},
            '/' if chars.peek() == Some(&'/') => while chars.next_if(|c| *c != '\n').is_some() {},
            '/' if chars.peek() == Some(&'*') => {
                let (began, mut last) = (line, ' ');
                loop {
                    let Some(c) = chars.next() else {
                        return Err(ImportError::new(
                            began,
                            "a comment begins here and never ends",
                        ));
                    };
                    line += usize::from(c == '\n');
                    if last == '*' && c == '/' {
                        break;
                    }
                    last = c;
                }
            }
            '"' => {
                let mut text = String::new();
                loop {
                    match chars.next() {
                        Some('"') => break,
                        Some('\\') => text.extend(chars.next()),
                        Some(c) if c != '\n' => text.push(c),
                        Some(_) | None => {
                            return Err(ImportError::new(
                                line,
                                "a text begins here and never ends",
                            ));
                        }
                    }
                }
                tokens.push((line, Token::Text(text)));
            }
            '{' | '}' | '[' | ']' | '=' | ',' => tokens.push((line, Token::Sign(c))),
            c if is_word(c) => {
                let mut word = String::from(c);
                while let Some(c) = chars.next_if(|c| is_word(*c)) {
                    word.push(c);
                }
                tokens.push((line, Token::Word(word)));
            }
            c => return Err(ImportError::new(line, format!("{c:?} is unexpected"))),
        }
    }
    Ok(tokens)
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | '+' | ':' | '$')
}

struct Parser<'a> {
    tokens: &'a [(usize, Token)],
    at: usize,
}

impl Parser<'_> {
    fn next(&mut self) -> Option<(usize, Token)> {
        let token = self.tokens.get(self.at).cloned();
        self.at = self.at.saturating_add(1);
        token
    }

    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at).map(|(_, token)| token)
    }

    fn ended(&self) -> ImportError {
        let line = self.tokens.last().map_or(1, |(line, _)| *line);
        ImportError::new(line, "the file ends within a block: a } is missing")
    }

    /// What stands within braces, or in the file.
    fn body(&mut self, depth: usize) -> Result<Vec<Item>, ImportError> {
        let mut items = Vec::new();
        loop {
            let (line, token) = match self.next() {
                Some(token) => token,
                None if depth == 0 => return Ok(items),
                None => return Err(self.ended()),
            };
            match token {
                Token::Sign('}') if 0 < depth => return Ok(items),
                Token::Sign(',') if 0 < depth => (),
                Token::Word(name) | Token::Text(name) => items.push(self.item(line, name, depth)?),
                Token::Sign(sign) => {
                    return Err(ImportError::new(
                        line,
                        format!("{sign:?} is unexpected: a name is wanted"),
                    ));
                }
            }
        }
    }

    fn item(&mut self, line: usize, name: String, depth: usize) -> Result<Item, ImportError> {
        if MAX_DEPTH <= depth {
            return Err(ImportError::new(line, "nested too deep"));
        }
        let mut item = Item { line, name, labels: Vec::new(), text: None, body: Vec::new() };
        loop {
            let Some((at, token)) = self.next() else { return Err(self.ended()) };
            match token {
                Token::Text(label) => item.labels.push(label),
                Token::Sign('{') => {
                    item.body = self.body(depth.saturating_add(1))?;
                    return Ok(item);
                }
                Token::Sign('=') => {
                    self.value(&mut item, depth)?;
                    return Ok(item);
                }
                Token::Word(_) | Token::Sign(_) => {
                    let why = format!("after {} a text, {{ or = is wanted", quoted(&item.name));
                    return Err(ImportError::new(at, why));
                }
            }
        }
    }

    fn value(&mut self, item: &mut Item, depth: usize) -> Result<(), ImportError> {
        let Some((line, token)) = self.next() else { return Err(self.ended()) };
        match token {
            Token::Text(text) | Token::Word(text) => item.text = Some(text),
            Token::Sign('{') => item.body = self.body(depth.saturating_add(1))?,
            Token::Sign('[') => self.list(depth.saturating_add(1))?,
            Token::Sign(sign) => {
                return Err(ImportError::new(
                    line,
                    format!("{sign:?} is unexpected: a value is wanted"),
                ));
            }
        }
        Ok(())
    }

    /// A list: nothing in one is asked for.
    fn list(&mut self, depth: usize) -> Result<(), ImportError> {
        loop {
            if self.peek() == Some(&Token::Sign(']')) {
                self.at = self.at.saturating_add(1);
                return Ok(());
            }
            let Some((line, token)) = self.next() else { return Err(self.ended()) };
            match token {
                _ if MAX_DEPTH <= depth => return Err(ImportError::new(line, "nested too deep")),
                Token::Sign('[') => self.list(depth.saturating_add(1))?,
                Token::Sign('{') => drop(self.body(depth.saturating_add(1))?),
                Token::Sign(_) | Token::Word(_) | Token::Text(_) => (),
            }
        }
    }
}
