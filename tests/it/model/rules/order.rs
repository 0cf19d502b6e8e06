//! Order texts: decimal fractions without the leading `0.`, compared as text.

/// The order of the `counter`-th join or move to the end.
pub(crate) fn at_end(counter: u32) -> String {
    format!("{counter:08}5")
}

/// A text strictly between `a` and `b`, never ending in 0 (RULES, common 4). `a` empty: before everybody.
///
/// # Panics
/// When `a` is not before `b`.
pub(crate) fn between(a: &str, b: &str) -> String {
    assert!(a < b, "nothing lies between {a:?} and {b:?}");
    let digit = |text: &str, index: usize| text.as_bytes().get(index).map_or(0, |byte| byte - b'0');
    let mut between = String::new();
    let mut index = 0;
    loop {
        let (x, y) = (digit(a, index), digit(b, index));
        index += 1;
        match y - x {
            0 => push(&mut between, x),
            1 => {
                push(&mut between, x);
                break;
            }
            _ => {
                push(&mut between, (x + y) / 2);
                return between;
            }
        }
    }
    while digit(a, index) == 9 {
        between.push('9');
        index += 1;
    }
    push(&mut between, (digit(a, index) + 10) / 2);
    between
}

fn push(text: &mut String, digit: u8) {
    text.push(char::from(b'0' + digit));
}

#[cfg(test)]
mod tests {
    use super::{at_end, between};

    #[test]
    fn between_walks_digit_by_digit() {
        for (a, b, expected) in [
            // A first difference of two or more: the middle digit ends it.
            ("", "000000025", "00000001"),
            ("000000015", "000000035", "00000002"),
            ("12", "1205", "1202"),
            // A difference of one: the smaller is kept, the rest of `a` goes half-way to ten.
            ("000000015", "000000025", "000000017"),
            ("000000015", "000000016", "0000000155"),
            ("", "000000015", "000000005"),
            ("1", "101", "1005"),
            // Nines are kept.
            ("199", "2", "1995"),
            ("1998", "2", "1999"),
            ("199", "21", "1995"),
        ] {
            assert_eq!(between(a, b), expected, "between {a:?} and {b:?}");
        }
    }

    #[test]
    fn between_stays_between_however_often_it_is_asked() {
        for towards_the_left in [true, false] {
            let (mut a, mut b) = (at_end(41), at_end(42));
            for _ in 0..200 {
                let middle = between(&a, &b);
                assert!(a < middle && middle < b && !middle.ends_with('0'), "{a} {middle} {b}");
                *(if towards_the_left { &mut b } else { &mut a }) = middle;
            }
        }
    }
}
