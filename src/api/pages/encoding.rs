//! How a body travels: as it is, or compressed by what the client says it can undo.

use std::io::Write as _;

use axum::http::{HeaderMap, header};

/// The best, 11, is some 6 % smaller but takes ten times as long, and whoever loads a page first waits for it.
const BROTLI_QUALITY: i32 = 9;
/// The largest window that every browser takes.
const BROTLI_WINDOW_BITS: i32 = 22;

/// A content coding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Encoding {
    /// As it is.
    Identity,
    /// RFC 1952.
    Gzip,
    /// RFC 7932.
    Brotli,
}

impl Encoding {
    /// Its name in `Content-Encoding`, if it needs one.
    pub(super) fn name(self) -> Option<&'static str> {
        match self {
            Self::Identity => None,
            Self::Gzip => Some("gzip"),
            Self::Brotli => Some("br"),
        }
    }

    /// A body in this coding.
    pub(super) fn encode(self, plain: &[u8]) -> Vec<u8> {
        const IN_MEMORY: &str = "Invariant: writing to memory does not fail";
        match self {
            Self::Identity => plain.to_vec(),
            Self::Gzip => {
                let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
                encoder.write_all(plain).and_then(|()| encoder.finish()).expect(IN_MEMORY)
            }
            Self::Brotli => {
                let parameters = brotli::enc::BrotliEncoderParams {
                    quality: BROTLI_QUALITY,
                    lgwin: BROTLI_WINDOW_BITS,
                    size_hint: plain.len(),
                    ..Default::default()
                };
                let mut compressed = Vec::new();
                brotli::BrotliCompress(&mut &*plain, &mut compressed, &parameters).expect(IN_MEMORY);
                compressed
            }
        }
    }
}

/// What suits a client best: the coding it prefers, and of those it likes equally the smallest.
pub(super) fn choose(headers: &HeaderMap) -> Encoding {
    let accepted = headers.get_all(header::ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    let accepted: Vec<(&str, u16)> = accepted.flat_map(|value| value.split(',')).filter_map(weighed).collect();
    let weight = |name: &str| accepted.iter().find(|(given, _)| given.eq_ignore_ascii_case(name)).map(|(_, q)| *q);
    let any = weight("*");
    // What is not mentioned is refused, but for the plain body: that is only liked least.
    let brotli = weight("br").or(any).unwrap_or(0);
    let gzip = weight("gzip").or(weight("x-gzip")).or(any).unwrap_or(0);
    let identity = weight("identity").unwrap_or(0);
    if brotli > 0 && brotli >= gzip.max(identity) {
        Encoding::Brotli
    } else if gzip > 0 && gzip >= identity {
        Encoding::Gzip
    } else {
        Encoding::Identity
    }
}

/// A coding and its weight in thousandths; `None` for what cannot be read.
fn weighed(entry: &str) -> Option<(&str, u16)> {
    let (name, parameters) = entry.split_once(';').unwrap_or((entry, ""));
    let weight = match parameters.trim().strip_prefix(['q', 'Q']) {
        None => 1_000,
        Some(value) => thousandths(value.trim_start().strip_prefix('=')?.trim())?,
    };
    Some((name.trim(), weight))
}

/// RFC 9110: `0` or `1`, and up to three decimals.
fn thousandths(text: &str) -> Option<u16> {
    let (whole, decimals) = text.split_once('.').unwrap_or((text, ""));
    let is_number = decimals.len() <= 3 && decimals.bytes().all(|digit| digit.is_ascii_digit());
    let decimals = format!("{decimals:0<3}").parse().ok().filter(|_| is_number)?;
    match (whole, decimals) {
        ("0", thousandths) => Some(thousandths),
        ("1", 0) => Some(1_000),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    #[test]
    fn the_client_chooses() {
        for (accepted, expected) in [
            ("gzip, deflate, br, zstd", Encoding::Brotli),
            ("gzip, deflate", Encoding::Gzip),
            ("x-gzip", Encoding::Gzip),
            ("GZIP;Q=0.5", Encoding::Gzip),
            ("br;q=0, gzip", Encoding::Gzip),
            ("br;q=0.5, gzip;q=0.8", Encoding::Gzip),
            ("br;q=0.8, gzip;q=0.8", Encoding::Brotli),
            ("br ; q = 0.000, gzip;q=0.0", Encoding::Identity),
            ("br;q=0.5, identity;q=1", Encoding::Identity),
            ("gzip;q=0.5, identity;q=0.5", Encoding::Gzip),
            ("identity;q=0, gzip;q=0.001", Encoding::Gzip),
            ("*", Encoding::Brotli),
            ("*;q=0.5, br;q=0", Encoding::Gzip),
            ("*;q=0", Encoding::Identity),
            ("deflate, zstd", Encoding::Identity),
            ("br;q=2, gzip;q=0.1234, x-gzip;q=x", Encoding::Identity),
            ("br;q=1.001, gzip;q=0.+1", Encoding::Identity),
            ("", Encoding::Identity),
        ] {
            let headers = HeaderMap::from_iter([(header::ACCEPT_ENCODING, accepted.parse().expect("a value"))]);
            assert_eq!(choose(&headers), expected, "{accepted:?}");
        }
        assert_eq!(choose(&HeaderMap::new()), Encoding::Identity);
    }

    #[test]
    fn what_was_compressed_can_be_undone() {
        let plain = "대기 3팀 ahead of you; ".repeat(200).into_bytes();
        let (gzip, brotli) = (Encoding::Gzip.encode(&plain), Encoding::Brotli.encode(&plain));
        let (mut from_gzip, mut from_brotli) = (Vec::new(), Vec::new());
        flate2::read::GzDecoder::new(&*gzip).read_to_end(&mut from_gzip).expect("gzip");
        brotli::Decompressor::new(&*brotli, 4096).read_to_end(&mut from_brotli).expect("brotli");
        assert!(from_gzip == plain && from_brotli == plain);
        assert!(brotli.len() < gzip.len() && gzip.len() < plain.len() / 10);
        assert_eq!(Encoding::Identity.encode(&plain), plain);
    }
}
