//! Pages of an OGG, only to see whether the last of them is there as a whole. Must not know what they hold.

const MARK: &[u8; 4] = b"OggS";
/// Bytes of a page before its table; the last of them tells how long that is.
const HEAD: usize = 27;

/// Whether an OGG was cut off: it ends within a page. Where pages are damaged nothing is said.
pub(super) fn is_cut_off(bytes: &[u8]) -> bool {
    let mut rest = bytes;
    while rest.starts_with(MARK) {
        let Some(page) = length(rest).filter(|page| *page <= rest.len()) else { return true };
        rest = &rest[page..];
    }
    false
}

/// The bytes of the page that begins here, as its table tells; `None` where that ends before.
fn length(page: &[u8]) -> Option<usize> {
    let lines = usize::from(*page.get(HEAD - 1)?);
    let table = page.get(HEAD..HEAD + lines)?;
    Some(HEAD + lines + table.iter().map(|line| usize::from(*line)).sum::<usize>())
}
