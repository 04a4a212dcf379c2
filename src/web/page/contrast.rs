//! Whether what is written can be read, in both themes: WCAG 2.2, 1.4.3 and 1.4.11.

use std::collections::BTreeMap;

use super::STYLE;

type Theme = BTreeMap<&'static str, [u8; 3]>;

fn colours(block: &'static str) -> Theme {
    let declarations = block.split(';').filter_map(|one| one.trim().strip_prefix("--"));
    let colour = |hex: &str| {
        let digits = hex.strip_prefix('#').filter(|digits| digits.len() == 6)?;
        let byte = |place: usize| u8::from_str_radix(&digits[place..place + 2], 16).ok();
        Some([byte(0)?, byte(2)?, byte(4)?])
    };
    declarations
        .map(|one| one.split_once(':').unwrap())
        .map(|(name, hex)| (name, colour(hex.trim()).unwrap_or_else(|| panic!("{name}: {hex}"))))
        .collect()
}

/// The light theme, and the dark one.
fn themes() -> [(&'static str, Theme); 2] {
    let mut blocks = STYLE.split(":root {").skip(1).map(|rest| rest.split('}').next().unwrap());
    let (light, dark) = (colours(blocks.next().unwrap()), colours(blocks.next().unwrap()));
    assert!(blocks.next().is_none());
    assert_eq!(light.keys().collect::<Vec<_>>(), dark.keys().collect::<Vec<_>>());
    [("light", light), ("dark", dark)]
}

fn luminance(colour: [u8; 3]) -> f64 {
    let [red, green, blue] = colour.map(|byte| {
        let part = f64::from(byte) / 255.0;
        if part <= 0.04045 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) }
    });
    0.2126 * red + 0.7152 * green + 0.0722 * blue
}

fn contrast(a: [u8; 3], b: [u8; 3]) -> f64 {
    let (a, b) = (luminance(a), luminance(b));
    (a.max(b) + 0.05) / (a.min(b) + 0.05)
}

const TEXTS: [&str; 7] = ["text", "dim", "link", "good", "info", "warning", "critical"];
const GRAPHICS: [&str; 6] = ["active", "overlap", "focus", "critical", "text", "dim"];

#[test]
fn every_text_can_be_read_on_every_ground_that_it_stands_on() {
    assert!((contrast([0; 3], [255; 3]) - 21.0).abs() < 1e-9);
    for (name, theme) in themes() {
        let check = |text: &str, ground: &str| {
            let ratio = contrast(theme[text], theme[ground]);
            assert!(4.5 <= ratio, "{name}: {text} on {ground} has {ratio:.2}:1");
        };
        for text in TEXTS {
            check(text, "ground");
        }
        for text in ["text", "dim", "link"] {
            check(text, "raised");
        }
        for tone in ["good", "info", "warning", "critical"] {
            let ground = format!("{tone}-ground");
            check(tone, &ground);
        }
    }
}

#[test]
fn what_a_drawing_says_by_colour_stands_out() {
    for (name, theme) in themes() {
        for graphic in GRAPHICS {
            let ratio = contrast(theme[graphic], theme["ground"]);
            assert!(3.0 <= ratio, "{name}: {graphic} has {ratio:.2}:1");
        }
    }
}

#[test]
fn no_colour_stands_beside_the_ones_that_are_checked() {
    let rules = STYLE.rsplit("@media (prefers-color-scheme: dark)").next().unwrap();
    let rules = rules.split_once("\n}\n").unwrap().1;
    for function in ["#", "rgb(", "hsl(", "oklch("] {
        assert!(!rules.contains(function), "{function} outside of the themes");
    }
    for used in rules.split("color: var(--").skip(1).map(|rest| rest.split(')').next().unwrap()) {
        assert!(TEXTS.contains(&used), "--{used} is a text's colour and is not checked");
    }
}
