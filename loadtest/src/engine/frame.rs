//! Frames of a server, as RFC 6455 has them: unmasked, never in fragments. Nothing is copied.

/// Text of a frame.
pub(crate) const TEXT: u8 = 0x1;
/// The end, with a code.
pub(crate) const CLOSE: u8 = 0x8;
/// To be answered.
pub(crate) const PING: u8 = 0x9;
/// An answer.
pub(crate) const PONG: u8 = 0xA;

/// What the beginning of some bytes is.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Taken<'a> {
    /// A frame; so many bytes were it.
    Frame { opcode: u8, payload: &'a [u8], len: usize },
    /// The beginning of one, or nothing.
    Partial,
    /// No server of this protocol sends that.
    Broken(&'static str),
}

/// The first frame of what was received.
pub(crate) fn take(bytes: &[u8]) -> Taken<'_> {
    let [first, second, rest @ ..] = bytes else { return Taken::Partial };
    if first & 0x80 == 0 {
        return Taken::Broken("a fragment");
    }
    if first & 0x70 != 0 {
        return Taken::Broken("an extension that was not asked for");
    }
    if second & 0x80 != 0 {
        return Taken::Broken("a masked frame");
    }
    let (head, len): (usize, usize) = match (second & 0x7F, rest) {
        (126, [a, b, ..]) => (4, usize::from(u16::from_be_bytes([*a, *b]))),
        (127, [a, b, c, d, e, f, g, h, ..]) => {
            let len = u64::from_be_bytes([*a, *b, *c, *d, *e, *f, *g, *h]);
            let Ok(len) = usize::try_from(len) else { return Taken::Broken("a frame larger than memory") };
            (10, len)
        }
        (126 | 127, _) => return Taken::Partial,
        (len, _) => (2, usize::from(len)),
    };
    let Some(end) = head.checked_add(len) else { return Taken::Broken("a frame larger than memory") };
    match bytes.get(head..end) {
        Some(payload) => Taken::Frame { opcode: first & 0x0F, payload, len: end },
        None => Taken::Partial,
    }
}

/// A client's frame. The mask is zeros: it is there for proxies between a browser and a server, and here is none.
pub(crate) fn masked(opcode: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![0x80 | opcode];
    match u8::try_from(payload.len()) {
        Ok(len) if len < 126 => frame.push(0x80 | len),
        _ => {
            // Nothing that a screen says is longer than this.
            frame.push(0x80 | 126);
            frame.extend_from_slice(&u16::try_from(payload.len()).unwrap_or(u16::MAX).to_be_bytes());
        }
    }
    frame.extend_from_slice(&[0; 4]);
    frame.extend_from_slice(payload);
    frame
}

/// A server's frame, for the servers that are measured beside ours.
pub(crate) fn unmasked(opcode: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![0x80 | opcode];
    match (u8::try_from(payload.len()), u16::try_from(payload.len())) {
        (Ok(len), _) if len < 126 => frame.push(len),
        (_, Ok(len)) => {
            frame.push(126);
            frame.extend_from_slice(&len.to_be_bytes());
        }
        _ => {
            frame.push(127);
            frame.extend_from_slice(&(payload.len() as u64).to_be_bytes());
        }
    }
    frame.extend_from_slice(payload);
    frame
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(mut bytes: &[u8]) -> Vec<(u8, Vec<u8>)> {
        let mut frames = Vec::new();
        while let Taken::Frame { opcode, payload, len } = take(bytes) {
            frames.push((opcode, payload.to_vec()));
            bytes = &bytes[len..];
        }
        assert_eq!(take(bytes), Taken::Partial, "{} bytes are left", bytes.len());
        frames
    }

    #[test]
    fn frames_of_every_length_are_read_however_they_are_split() {
        let sent: Vec<(u8, Vec<u8>)> = [0, 1, 125, 126, 127, 300, 65_535, 65_536]
            .into_iter()
            .map(|len| (TEXT, vec![b'x'; len]))
            .chain([(PING, b"are you there".to_vec()), (CLOSE, vec![3, 232])])
            .collect();
        let stream: Vec<u8> = sent.iter().flat_map(|(opcode, payload)| unmasked(*opcode, payload)).collect();
        assert_eq!(all(&stream), sent);

        // Split at every byte: what the first part holds whole, and then what is left with the second.
        let short: Vec<u8> = [unmasked(TEXT, &[b'a'; 130]), unmasked(PING, b"b"), unmasked(TEXT, b"")].concat();
        let whole = all(&short);
        for split in 0..=short.len() {
            let (mut frames, mut kept) = (Vec::new(), Vec::new());
            for part in [&short[..split], &short[split..]] {
                kept.extend_from_slice(part);
                let mut from = 0;
                while let Taken::Frame { opcode, payload, len } = take(&kept[from..]) {
                    frames.push((opcode, payload.to_vec()));
                    from += len;
                }
                kept.drain(..from);
            }
            assert_eq!((frames, kept.len()), (whole.clone(), 0), "split at {split}");
        }
    }

    #[test]
    fn what_no_server_sends_is_refused() {
        for (bytes, why) in [
            ([0x01, 0x00], "a fragment"),
            ([0xC1, 0x00], "an extension that was not asked for"),
            ([0x81, 0x80], "a masked frame"),
        ] {
            assert_eq!(take(&bytes), Taken::Broken(why));
        }
    }

    #[test]
    fn a_clients_frame_says_that_it_is_masked() {
        assert_eq!(masked(PONG, b"hi"), [0x8A, 0x82, 0, 0, 0, 0, b'h', b'i']);
        assert_eq!(masked(TEXT, &[b'x'; 200])[..4], [0x81, 0xFE, 0, 200]);
    }
}
