//! What clients send: WebSocket frames (RFC 6455, 5) as they come, in whatever pieces.
//!
//! Invariants: no more is kept of a client than one message of the longest allowed length and what was read with it;
//! of one that says nothing, nothing is kept.

use std::io::Cursor;

use bytes::Bytes;
use tokio_tungstenite::tungstenite::protocol::frame::{
    FrameHeader,
    coding::{Control, Data, OpCode},
};

/// What a client sent.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Inbound {
    /// Text.
    Text(Vec<u8>),
    /// To be answered with the same.
    Ping(Vec<u8>),
    /// A pong, or part of a message.
    Nothing,
    /// It ends the connection, with this code if any.
    Close(Option<u16>),
    /// What must not be sent.
    Refused(Refused),
}

/// Why nothing more is read of a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// A binary message.
    Binary,
    /// A message above the limit.
    TooLarge,
    /// Text that is not UTF-8.
    NotText,
    /// No frame, or none that a client may send.
    Malformed,
}

/// Longest payload of a ping, pong or close.
const CONTROL_LEN_MAX: u64 = 125;

/// What has come of a client and is not taken yet.
#[derive(Debug, Default)]
pub(super) struct Reader {
    bytes: Vec<u8>,
    /// Where in `bytes` what is not taken begins.
    taken: usize,
    /// The beginning of a message that comes in fragments.
    message: Option<Vec<u8>>,
}

impl Reader {
    /// Some more has come.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.bytes.drain(..std::mem::take(&mut self.taken));
        self.bytes.extend_from_slice(bytes);
    }

    /// Whether nothing needs to be remembered.
    pub(super) fn is_empty(&self) -> bool {
        self.taken == self.bytes.len() && self.message.is_none()
    }

    /// The next frame; `None`: it has not come whole.
    pub(super) fn next(&mut self, len_max: usize) -> Option<Inbound> {
        self.try_next(len_max as u64).unwrap_or_else(|refused| Some(Inbound::Refused(refused)))
    }

    fn try_next(&mut self, len_max: u64) -> Result<Option<Inbound>, Refused> {
        let mut cursor = Cursor::new(&self.bytes[self.taken..]);
        let Some((header, len)) = FrameHeader::parse(&mut cursor).map_err(|_| Refused::Malformed)? else {
            return Ok(None);
        };
        let begin = self.taken + cursor.position() as usize;
        let Some(mask) = header.mask else { return Err(Refused::Malformed) };
        let before = self.message.as_ref().map_or(0, Vec::len) as u64;
        match header.opcode {
            _ if header.rsv1 || header.rsv2 || header.rsv3 => return Err(Refused::Malformed),
            OpCode::Control(_) if !header.is_final || len > CONTROL_LEN_MAX => return Err(Refused::Malformed),
            OpCode::Data(Data::Continue) if self.message.is_none() => return Err(Refused::Malformed),
            OpCode::Data(Data::Text) if self.message.is_some() => return Err(Refused::Malformed),
            OpCode::Data(Data::Binary) => return Err(Refused::Binary),
            OpCode::Data(_) if before.saturating_add(len) > len_max => return Err(Refused::TooLarge),
            OpCode::Data(_) | OpCode::Control(_) => {}
        }
        let Some(payload) = self.bytes.get_mut(begin..begin + len as usize) else { return Ok(None) };
        for (byte, mask) in payload.iter_mut().zip(mask.iter().cycle()) {
            *byte ^= mask;
        }
        let payload = payload.to_vec();
        self.taken = begin + len as usize;
        self.understand(&header, payload).map(Some)
    }

    fn understand(&mut self, header: &FrameHeader, mut payload: Vec<u8>) -> Result<Inbound, Refused> {
        match header.opcode {
            OpCode::Control(Control::Ping) => Ok(Inbound::Ping(payload)),
            OpCode::Control(Control::Close) => match payload[..] {
                [] => Ok(Inbound::Close(None)),
                [_] => Err(Refused::Malformed),
                [high, low, ..] => Ok(Inbound::Close(Some(u16::from_be_bytes([high, low])))),
            },
            OpCode::Control(_) => Ok(Inbound::Nothing),
            OpCode::Data(_) => {
                if let Some(mut message) = self.message.take() {
                    message.append(&mut payload);
                    payload = message;
                }
                if !header.is_final {
                    self.message = Some(payload);
                    return Ok(Inbound::Nothing);
                }
                if std::str::from_utf8(&payload).is_err() { Err(Refused::NotText) } else { Ok(Inbound::Text(payload)) }
            }
        }
    }
}

/// The answer to a ping.
pub(super) fn pong(payload: &[u8]) -> Bytes {
    control(Control::Pong, payload)
}

/// The last frame, with its code if any.
pub(super) fn close(code: Option<u16>) -> Bytes {
    control(Control::Close, &code.map(u16::to_be_bytes).unwrap_or_default()[..if code.is_some() { 2 } else { 0 }])
}

fn control(opcode: Control, payload: &[u8]) -> Bytes {
    let header = FrameHeader { opcode: OpCode::Control(opcode), ..FrameHeader::default() };
    let mut frame = Vec::with_capacity(header.len(payload.len() as u64) + payload.len());
    header.format(payload.len() as u64, &mut frame).expect("Invariant: memory takes what is written to it");
    frame.extend_from_slice(payload);
    frame.into()
}

#[cfg(test)]
pub(in crate::hub) mod tests {
    use super::*;

    /// A frame as clients send it.
    pub(in crate::hub) fn masked(opcode: OpCode, is_final: bool, payload: &[u8]) -> Vec<u8> {
        let mask = [7, 77, 177, 27];
        let header = FrameHeader { opcode, is_final, mask: Some(mask), ..FrameHeader::default() };
        let mut frame = Vec::new();
        header.format(payload.len() as u64, &mut frame).expect("memory");
        frame.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
        frame
    }

    const TEXT: OpCode = OpCode::Data(Data::Text);
    const MORE: OpCode = OpCode::Data(Data::Continue);
    const PING: OpCode = OpCode::Control(Control::Ping);
    const CLOSE: OpCode = OpCode::Control(Control::Close);

    /// All that is understood of what comes in pieces of this length.
    fn heard(bytes: &[u8], piece_len: usize) -> Vec<Inbound> {
        let (mut reader, mut heard) = (Reader::default(), Vec::new());
        for piece in bytes.chunks(piece_len) {
            reader.push(piece);
            while let Some(inbound) = reader.next(100) {
                let refused = matches!(inbound, Inbound::Refused(_));
                heard.push(inbound);
                if refused {
                    return heard;
                }
            }
        }
        assert_eq!(reader.is_empty(), reader.bytes.len() == reader.taken && reader.message.is_none());
        heard
    }

    #[test]
    fn frames_are_understood_in_whatever_pieces_they_come() {
        let talk = [
            masked(TEXT, true, "하나".as_bytes()),
            masked(TEXT, false, &"둘".as_bytes()[..1]),
            masked(PING, true, b"between"),
            masked(MORE, false, &"둘".as_bytes()[1..]),
            masked(MORE, true, b"!"),
            masked(OpCode::Control(Control::Pong), true, b""),
            masked(CLOSE, true, &[3, 232, b'b', b'y', b'e']),
        ]
        .concat();
        for piece_len in 1..=talk.len() {
            let expected = vec![
                Inbound::Text("하나".into()),
                Inbound::Nothing,
                Inbound::Ping(b"between".to_vec()),
                Inbound::Nothing,
                Inbound::Text("둘!".into()),
                Inbound::Nothing,
                Inbound::Close(Some(1000)),
            ];
            assert_eq!(heard(&talk, piece_len), expected, "in pieces of {piece_len}");
        }
    }

    #[test]
    fn what_clients_must_not_send_is_refused() {
        let unmasked = {
            let mut frame = Vec::new();
            FrameHeader { opcode: TEXT, ..FrameHeader::default() }.format(2, &mut frame).expect("memory");
            [frame, b"{}".to_vec()].concat()
        };
        let reserved = {
            let mut frame = masked(TEXT, true, b"{}");
            frame[0] |= 0x40;
            frame
        };
        let unknown = {
            let mut frame = masked(TEXT, true, b"{}");
            frame[0] = 0x83;
            frame
        };
        for (frames, refused) in [
            (unmasked, Refused::Malformed),
            (reserved, Refused::Malformed),
            (unknown, Refused::Malformed),
            (masked(PING, true, &[0; 126]), Refused::Malformed),
            (masked(PING, false, b"half"), Refused::Malformed),
            (masked(CLOSE, true, b"x"), Refused::Malformed),
            (masked(MORE, true, b"of what?"), Refused::Malformed),
            ([masked(TEXT, false, b"one"), masked(TEXT, true, b"two")].concat(), Refused::Malformed),
            (masked(OpCode::Data(Data::Binary), true, b"{}"), Refused::Binary),
            (masked(TEXT, true, &[b'x'; 101]), Refused::TooLarge),
            ([masked(TEXT, false, &[b'x'; 60]), masked(MORE, true, &[b'x'; 41])].concat(), Refused::TooLarge),
            (masked(TEXT, true, &[0xff, 0xfe]), Refused::NotText),
        ] {
            for piece_len in [1, frames.len()] {
                assert_eq!(heard(&frames, piece_len).last(), Some(&Inbound::Refused(refused)), "{frames:?}");
            }
        }
        // Its length is enough: what is too large is not waited for.
        let endless = &masked(TEXT, true, &[b'x'; 5_000])[..8];
        assert_eq!(heard(endless, 8), [Inbound::Refused(Refused::TooLarge)]);
    }

    #[test]
    fn what_the_server_says_is_short() {
        assert_eq!(&pong(b"ab")[..], [0x8a, 2, b'a', b'b']);
        assert_eq!(&close(Some(1000))[..], [0x88, 2, 3, 232]);
        assert_eq!(&close(None)[..], [0x88, 0]);
    }
}
