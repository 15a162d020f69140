//! Which part of a file is asked for, and whether the client has it already.

use super::error::ApiError;
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use std::ops::Range;

/// Whether the client says that it has the file of this tag already.
pub(super) fn known(headers: &HeaderMap, tag: &str) -> bool {
    headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok()).any(|list| {
        list.split(',').map(str::trim).any(|one| one == "*" || one.strip_prefix("W/").unwrap_or(one) == tag)
    })
}

fn text<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// The one range asked for, within the file. `None`: the whole file, also where several ranges are asked or the
/// header is not understood, as the standard allows.
pub(super) fn part(headers: &HeaderMap, size: u64, tag: &str) -> Result<Option<Range<u64>>, ApiError> {
    // A part of another file than the client has would be of no use to it.
    if text(headers, &header::IF_RANGE).is_some_and(|condition| condition != tag) {
        return Ok(None);
    }
    let asked = text(headers, &header::RANGE);
    let Some((first, last)) = asked.and_then(|range| range.strip_prefix("bytes=")?.split_once('-')) else {
        return Ok(None);
    };
    let range = match (first.trim().parse::<u64>(), last.trim().parse::<u64>()) {
        (Ok(first), Ok(last)) => first..last.saturating_add(1).min(size),
        (Ok(first), Err(_)) if last.trim().is_empty() => first..size,
        (Err(_), Ok(length)) if first.trim().is_empty() => size.saturating_sub(length)..size,
        _ => return Ok(None),
    };
    if range.is_empty() {
        let message = format!("the file has {size} bytes; the range lies outside");
        return Err(ApiError::refused(StatusCode::RANGE_NOT_SATISFIABLE, "invalid_range", message));
    }
    Ok(Some(range))
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;
    use axum::response::IntoResponse;

    const TAG: &str = "\"a\"";

    fn asked(range: &'static str) -> Result<Option<Range<u64>>, StatusCode> {
        let headers = HeaderMap::from_iter([(header::RANGE, HeaderValue::from_static(range))]);
        part(&headers, 10, TAG).map_err(|e| e.into_response().status())
    }

    #[test]
    fn one_range_within_the_file_is_understood() {
        assert_eq!(part(&HeaderMap::new(), 10, TAG).unwrap(), None);
        assert_eq!(asked("bytes=0-3"), Ok(Some(0..4)));
        assert_eq!(asked("bytes=4-"), Ok(Some(4..10)));
        assert_eq!(asked("bytes=-3"), Ok(Some(7..10)));
        assert_eq!(asked("bytes=8-99"), Ok(Some(8..10)));
        assert_eq!(asked("bytes=0-18446744073709551615"), Ok(Some(0..10)));
        for whole in ["bytes=0-1,4-5", "lines=0-1", "bytes=a-b", "bytes=-", "bytes="] {
            assert_eq!(asked(whole), Ok(None), "{whole}");
        }
        for outside in ["bytes=10-", "bytes=5-4", "bytes=-0"] {
            assert_eq!(asked(outside), Err(StatusCode::RANGE_NOT_SATISFIABLE), "{outside}");
        }
    }

    #[test]
    fn a_part_is_sent_only_of_the_file_that_the_client_has() {
        let range = |tag| {
            let condition = (header::IF_RANGE, HeaderValue::from_static(tag));
            let headers = HeaderMap::from_iter([(header::RANGE, HeaderValue::from_static("bytes=0-3")), condition]);
            part(&headers, 10, TAG).unwrap()
        };
        assert_eq!((range(TAG), range("\"b\"")), (Some(0..4), None));
    }

    #[test]
    fn a_client_may_name_several_files_that_it_has() {
        for (list, expected) in
            [("\"a\"", true), ("W/\"a\"", true), ("\"b\", \"a\"", true), ("*", true), ("\"b\"", false), ("a", false)]
        {
            let headers = HeaderMap::from_iter([(header::IF_NONE_MATCH, HeaderValue::from_static(list))]);
            assert_eq!(known(&headers, TAG), expected, "{list}");
        }
        assert!(!known(&HeaderMap::new(), TAG));
    }
}
