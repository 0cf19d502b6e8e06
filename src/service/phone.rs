//! Phone numbers, as far as a line needs them: to tell that two are the same, and the last four digits to greet with.

/// Fewest and most digits of a number, country code included (E.164).
const DIGITS: std::ops::RangeInclusive<usize> = 7..=15;

/// Digits two numbers are compared by, from the end. They leave out country code and trunk prefix, so that
/// `010-1234-5678` and `+82 10 1234 5678` are one phone without knowing the country; subscriber numbers of one place
/// that share them belong to nobody else.
const COMPARED_LEN: usize = 9;

/// A well-formed phone number. Personal: it has no `Debug`, and only its keyed hash is kept.
#[derive(Clone)]
pub struct Phone {
    digits: String,
}

impl Phone {
    /// Reads a number as people write them.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let rest = text.strip_prefix('+').unwrap_or(text);
        if !rest.chars().all(|letter| letter.is_ascii_digit() || matches!(letter, ' ' | '-' | '.' | '(' | ')')) {
            return None;
        }
        let digits: String = rest.chars().filter(char::is_ascii_digit).collect();
        DIGITS.contains(&digits.len()).then_some(Self { digits })
    }

    /// What is equal for the same phone.
    #[must_use]
    pub fn compared(&self) -> &str {
        &self.digits[self.digits.len().saturating_sub(COMPARED_LEN)..]
    }

    /// Shown to staff.
    #[must_use]
    pub fn last4(&self) -> &str {
        &self.digits[self.digits.len() - 4..]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_phone_has_many_spellings() {
        let phone = |text: &str| Phone::parse(text).expect("a number");
        let compared = phone("01012345678").compared().to_owned();
        for text in ["010-1234-5678", "+82 10-1234-5678", "+821012345678", "0082 10 1234 5678", " (010) 1234.5678 "] {
            assert_eq!(phone(text).compared(), compared, "{text}");
            assert_eq!(phone(text).last4(), "5678");
        }
        assert_ne!(phone("010-1234-5679").compared(), compared);
        assert_ne!(phone("02-1234-5678").compared(), compared);
    }

    #[test]
    fn other_text_is_no_phone() {
        for text in ["", "123456", "1234567890123456", "call me", "010-1234-567a", "++8210123456", "０１０12345678"]
        {
            assert!(Phone::parse(text).is_none(), "{text}");
        }
    }
}
