//! Rectangles of pixels, and the ones a picture is worked on in.

/// A rectangle of pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rect {
    /// First column.
    pub x: usize,
    /// First row.
    pub y: usize,
    /// Columns.
    pub width: usize,
    /// Rows.
    pub height: usize,
}

impl Rect {
    /// The same and `margin` more on every side, as far as a picture of that width and height goes.
    #[must_use]
    pub fn grown(&self, margin: usize, (width, height): (usize, usize)) -> Self {
        let (x, y) = (self.x.saturating_sub(margin), self.y.saturating_sub(margin));
        let (end_x, end_y) = (self.x + self.width + margin, self.y + self.height + margin);
        Self { x, y, width: end_x.min(width) - x, height: end_y.min(height) - y }
    }

    /// The same in a picture that is so many times larger.
    #[must_use]
    pub fn times(&self, scale: usize) -> Self {
        Self { x: self.x * scale, y: self.y * scale, width: self.width * scale, height: self.height * scale }
    }
}

/// Rectangles of about one size, no side over `side`, that cover a picture without overlap, row by row.
#[must_use]
pub fn tiles((width, height): (usize, usize), side: usize) -> Vec<Rect> {
    let rows = cuts(height, side);
    let columns = cuts(width, side);
    let row = |(y, height): &(usize, usize)| {
        let (y, height) = (*y, *height);
        columns.iter().map(move |(x, width)| Rect { x: *x, y, width: *width, height }).collect::<Vec<_>>()
    };
    rows.iter().flat_map(row).collect()
}

/// Where the pieces of a side begin, and how long they are.
fn cuts(length: usize, most: usize) -> Vec<(usize, usize)> {
    let pieces = length.div_ceil(most.max(1));
    let start = |i: usize| i * length / pieces;
    (0..pieces).map(|i| (start(i), start(i + 1) - start(i))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_pixel_is_in_one_tile(width in 1usize..90, height in 1usize..90, side in 1usize..40) {
            let mut covered = vec![0; width * height];
            for tile in tiles((width, height), side) {
                prop_assert!((1..=side).contains(&tile.width) && (1..=side).contains(&tile.height), "{tile:?}");
                for y in tile.y..tile.y + tile.height {
                    covered[y * width + tile.x..][..tile.width].iter_mut().for_each(|n| *n += 1);
                }
            }
            prop_assert!(covered.iter().all(|n| *n == 1));
        }

        #[test]
        fn a_grown_tile_stays_inside(x in 0usize..9, y in 0usize..9, margin in 0usize..20) {
            let tile = Rect { x, y, width: 10 - x, height: 12 - y };
            let grown = tile.grown(margin, (10, 12));
            prop_assert!(grown.x + grown.width <= 10 && grown.y + grown.height <= 12);
            prop_assert_eq!(grown.x, x.saturating_sub(margin));
        }
    }

    #[test]
    fn a_picture_that_is_small_enough_is_one_tile() {
        assert_eq!(tiles((7, 5), 7), [Rect { x: 0, y: 0, width: 7, height: 5 }]);
        assert_eq!(tiles((10, 1), 4).iter().map(|t| t.width).collect::<Vec<_>>(), [3, 3, 4]);
    }
}
