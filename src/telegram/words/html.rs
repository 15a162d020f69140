//! HTML as Telegram understands it, taken apart and put together: its length, its words, and a part of it that is still
//! whole. It must not know what the HTML says.

use super::super::texts::escaped;
use super::cut;

/// Entities that stand in such HTML.
const ENTITIES: [(&str, char); 5] = [("&lt;", '<'), ("&gt;", '>'), ("&amp;", '&'), ("&quot;", '"'), ("&#39;", '\'')];

/// HTML taken apart.
struct Parsed<'a> {
    /// What is read.
    text: String,
    /// Tags and where in the text they stand, in bytes.
    tags: Vec<(usize, Tag<'a>)>,
}

#[derive(Clone, Copy)]
enum Tag<'a> {
    /// All of it, with brackets.
    Open(&'a str),
    Close,
}

/// The length of what is read of it, as Telegram counts.
#[must_use]
pub fn units(html: &str) -> usize {
    cut::units(&parsed(html).text)
}

/// What is read of it.
#[must_use]
pub fn words(html: &str) -> String {
    parsed(html).text
}

/// The HTML with at most `most` units to read: cut at a word, with an ellipsis and with every tag closed.
#[must_use]
pub fn within(html: &str, most: usize) -> String {
    let whole = parsed(html);
    let shortened = cut::within(&whole.text, most);
    if shortened == whole.text {
        return html.to_owned();
    }
    let kept = shortened.strip_suffix('…').unwrap_or_default().len();
    let ellipsis = if shortened.is_empty() { "" } else { "…" };
    beginning(&whole, kept, ellipsis)
}

/// The first `kept` bytes of what is read, then the ellipsis, then what closes the tags that are open.
fn beginning(whole: &Parsed<'_>, kept: usize, ellipsis: &str) -> String {
    let mut html = String::new();
    let mut open: Vec<&str> = Vec::new();
    let mut at = 0;
    for (place, tag) in &whole.tags {
        // A tag that opens where nothing follows would be empty.
        if *place > kept || (*place == kept && matches!(tag, Tag::Open(_))) {
            break;
        }
        html.push_str(&escaped(&whole.text[at..*place]));
        at = *place;
        match tag {
            Tag::Open(written) => {
                open.push(name_of(written));
                html.push_str(written);
            }
            Tag::Close => html.extend(open.pop().map(|name| format!("</{name}>"))),
        }
    }
    html.push_str(&escaped(&whole.text[at..kept]));
    html.push_str(ellipsis);
    html.extend(open.into_iter().rev().map(|name| format!("</{name}>")));
    html
}

fn parsed(html: &str) -> Parsed<'_> {
    let mut whole = Parsed { text: String::with_capacity(html.len()), tags: Vec::new() };
    let mut left = html;
    while let Some(c) = left.chars().next() {
        let (taken, read) = match c {
            '<' => match left.find('>') {
                Some(end) => {
                    let tag = if left.starts_with("</") { Tag::Close } else { Tag::Open(&left[..=end]) };
                    whole.tags.push((whole.text.len(), tag));
                    (end + 1, None)
                }
                None => (1, Some('<')),
            },
            '&' => {
                let known = ENTITIES.iter().find(|(entity, _)| left.starts_with(entity));
                known.map_or((1, Some('&')), |(entity, c)| (entity.len(), Some(*c)))
            }
            other => (other.len_utf8(), Some(other)),
        };
        whole.text.extend(read);
        left = &left[taken..];
    }
    whole
}

/// `blockquote` of `<blockquote expandable>`.
fn name_of(tag: &str) -> &str {
    tag.trim_matches(['<', '>']).split(' ').next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn only_what_is_read_counts() {
        let html = "<b>Аня &lt;3</b> &amp; <a href=\"https://example.org\">Ко</a>";
        assert_eq!((words(html).as_str(), units(html)), ("Аня <3 & Ко", 11));
    }

    #[test]
    fn a_part_is_whole() {
        let html = "<b>раз <i>два три</i></b> четыре";
        assert_eq!(within(html, 30), html);
        assert_eq!(within(html, 14), "<b>раз <i>два три</i></b>…");
        assert_eq!(within(html, 9), "<b>раз <i>два…</i></b>");
        assert_eq!(within("a <b>b</b>", 0), "");
        assert_eq!(within("&lt;&lt;&lt;&lt;", 3), "&lt;&lt;…");
    }

    proptest! {
        #[test]
        fn every_part_fits_and_closes_what_it_opens(words_in in "[а-я<>&\" ]{0,60}", most in 0usize..40) {
            let html = format!("<b>{}</b> <i><code>{}</code></i>", escaped(&words_in), escaped(&words_in));
            let part = within(&html, most);
            prop_assert!(units(&part) <= most, "{:?}", part);
            let mut open = Vec::new();
            for (_, tag) in parsed(&part).tags {
                match tag {
                    Tag::Open(written) => open.push(written),
                    Tag::Close => prop_assert!(open.pop().is_some(), "{:?}", part),
                }
            }
            prop_assert!(open.is_empty(), "{:?}", part);
        }

        #[test]
        fn nothing_breaks_it(html in any::<String>(), most in 0usize..40) {
            prop_assert!(units(&within(&html, most)) <= most);
        }
    }
}
