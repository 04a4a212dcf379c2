//! A real browser on the page of a running demo: the attack is found, followed to its evidence from
//! the keyboard, and everything can be read on a phone and on a wall, by day and by night.
//!
//! Pictures of what it saw are left in `target/screenshots/`, to be looked at.

#![cfg(test)]
#![cfg(feature = "demo")]

mod chromium;
mod demo;
#[path = "../support/process.rs"]
#[allow(dead_code, reason = "another test uses the rest")]
mod process;

use std::path::{Path, PathBuf};

use chromium::Chromium;
use demo::Demo;

/// A phone, a tablet, a screen.
const SIZES: [(u32, u32); 3] = [(360, 740), (768, 1024), (1920, 1080)];
const THEMES: [&str; 2] = ["light", "dark"];
const ATTACKED: &str = "attacked.demo.example";

/// What has the focus, and whether its outline is seen.
const FOCUS: &str = "(() => { const it = document.activeElement, style = getComputedStyle(it); \
    return { what: (it.getAttribute('href') || it.tagName).toString(), \
             text: it.textContent.trim().slice(0, 60), y: it.getBoundingClientRect().top + scrollY, \
             outline: style.outlineStyle !== 'none' && 2 <= parseFloat(style.outlineWidth) }; })()";
/// What reaches beyond the edge of the screen, of the page or of what holds it.
const WIDER: &str = "[...document.querySelectorAll('body *')].filter(one => { \
    const box = one.getBoundingClientRect(); \
    return !one.closest('.skip, caption, thead') && 0 < box.width \
        && (innerWidth + 1 < box.right || box.left < -1); \
    }).map(one => one.tagName + '.' + (one.getAttribute('class') || '') + ': ' \
        + one.textContent.slice(0, 50)).slice(0, 5)";
/// What is nameless to someone who does not see the page.
const NAMELESS: &str = "[...document.querySelectorAll('a, svg[role=img], nav, section, table, th')] \
    .filter(one => !(one.textContent.trim() || one.getAttribute('aria-label') \
        || document.getElementById(one.getAttribute('aria-labelledby')))) \
    .map(one => one.outerHTML.slice(0, 80))";

fn folder() -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/screenshots");
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

/// Opens a page at all sizes in both themes: nothing is wider than the screen.
#[track_caller]
fn look(browser: &mut Chromium, name: &str, url: &str) {
    for theme in THEMES {
        for (width, height) in SIZES {
            browser.screen(width, height, theme);
            browser.open(url);
            let wider = browser.value(WIDER);
            assert_eq!(wider, serde_json::json!([]), "{name} at {width}");
            let all = browser.value("document.documentElement.scrollWidth");
            assert!(all.as_u64().unwrap() <= u64::from(width), "{name} at {width} is {all} wide");
            browser.picture(&folder().join(format!("{name}-{width}-{theme}.png")));
        }
    }
    assert_eq!(browser.value(NAMELESS), serde_json::json!([]), "{name}");
}

/// Tabs to the first thing whose link has this in it. Returns how many stops it took.
#[track_caller]
fn tab_to(browser: &mut Chromium, link: &str) -> usize {
    let mut above = f64::MIN;
    for stop in 1..200 {
        browser.press("Tab");
        let focus = browser.value(FOCUS);
        assert_eq!(focus["outline"], true, "nothing shows where the focus is: {focus}");
        // The order of the focus is that of the page: it never jumps up.
        let y = focus["y"].as_f64().unwrap();
        assert!(above - 60.0 <= y, "the focus jumps up to {focus}");
        above = y;
        if focus["what"].as_str().unwrap().contains(link) {
            return stop;
        }
    }
    panic!("the keyboard does not reach {link}");
}

#[test]
fn an_attack_is_found_in_a_browser_and_followed_to_its_evidence() {
    let demo = Demo::start();
    let mut browser = Chromium::start();
    look(&mut browser, "graph", &demo.url("/graph"));
    look(&mut browser, "about", &demo.url("/about"));

    let found = demo.until("unexpected_authority");
    assert_eq!(found["trust_domain"], ATTACKED);
    let id = found["id"].as_str().unwrap();
    look(&mut browser, "overview", &demo.url("/"));
    look(&mut browser, "trust-domain", &demo.url(&format!("/trust-domain/{ATTACKED}")));
    look(&mut browser, "events", &demo.url("/events"));

    // By the keyboard alone: past the navigation, to the finding, to its evidence.
    browser.screen(1920, 1080, "light");
    browser.open(&demo.url("/"));
    assert_eq!(tab_to(&mut browser, "#main"), 1, "what skips the navigation comes first");
    browser.press("Enter");
    let finding = format!("/finding/{id}");
    assert!(tab_to(&mut browser, &finding) < 10, "the most urgent finding is near the top");
    browser.follow("Enter");
    let at = browser.value("location.pathname");
    assert_eq!(at, serde_json::json!(finding));
    let text = browser.value("document.body.innerText");
    let text = text.as_str().unwrap();
    for line in found["evidence"].as_array().unwrap() {
        assert!(text.contains(line["text"].as_str().unwrap()), "{line} is not among {text}");
    }
    let key = found["fingerprint"].as_str().unwrap();
    for command in ["approve", "deny"] {
        let command = format!("anchorwatch {command} {key} --trust-domain {ATTACKED}");
        assert!(text.contains(&command), "{command} is not among {text}");
    }
    look(&mut browser, "finding", &demo.url(&finding));
    tab_to(&mut browser, "docs/runbook.md#anchorwatchunexpectedauthority");
    assert_eq!(browser.complaints, Vec::<String>::new());
}
