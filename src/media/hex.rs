//! Bytes as hexadecimal digits and back: the written form of hashes and signatures.

/// Two lower-case digits for each byte.
#[must_use]
pub fn encode(bytes: impl AsRef<[u8]>) -> String {
    bytes.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The bytes. `None` for an odd number of digits, or anything that is no digit.
#[must_use]
pub fn decode(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> =
        text.chars().map(|c| c.to_digit(16).and_then(|digit| u8::try_from(digit).ok())).collect();
    let digits = digits?;
    let pairs = digits.chunks_exact(2);
    pairs.remainder().is_empty().then(|| pairs.map(|pair| pair[0] << 4 | pair[1]).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        assert_eq!(encode([0, 10, 255]), "000aff");
        assert_eq!(decode("000aFF"), Some(vec![0, 10, 255]));
        for wrong in ["0", "zz", "+1", "0g", "é"] {
            assert_eq!(decode(wrong), None, "{wrong}");
        }
    }
}
