//! Text as JSON that is safe inside a `<script>`.

use std::fmt::Write;

/// Appends `text` as a JSON string.
///
/// `<`, `>` and `&` are escaped, so no tag begins or ends inside a script element. U+2028 and U+2029 are escaped, so the
/// string is valid in every version of JavaScript.
pub(super) fn string(out: &mut String, text: &str) {
    out.push('"');
    for letter in text.chars() {
        match letter {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' | '\u{0}'..='\u{1f}' | '\u{7f}' => {
                let _ = write!(out, "\\u{:04x}", u32::from(letter));
            }
            _ => out.push(letter),
        }
    }
    out.push('"');
}

/// Appends `text` as a JSON string, or `null`.
pub(super) fn string_or_null(out: &mut String, text: Option<&str>) {
    match text {
        Some(text) => string(out, text),
        None => out.push_str("null"),
    }
}

/// `text` as the content of an HTML element.
pub(super) fn html(text: &str) -> String {
    let escape = |letter: char| match letter {
        '<' => "&lt;".to_owned(),
        '>' => "&gt;".to_owned(),
        '&' => "&amp;".to_owned(),
        '"' => "&quot;".to_owned(),
        _ => letter.to_string(),
    };
    text.chars().map(escape).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_ends_the_script_that_it_stands_in() {
        let mut out = String::new();
        string(&mut out, "a\"\\</script><!--&\u{2028}\n");
        assert_eq!(
            out,
            r#""a\"\\\u003c/script\u003e\u003c!--\u0026\u2028\u000a""#
        );
    }
}
