//! A QR code as lines of text, for the camera of a phone.
//!
//! Plain text takes the colours of its terminal: light modules are drawn, so that on a dark terminal the code looks as
//! printed, and on a light one inverted, which the cameras of phones read too. The quiet zone is part of it.

use qrcode::{EcLevel, QrCode, render::unicode::Dense1x2};

/// The lines; `None` for a text that is too long for any QR code.
pub(super) fn lines(text: &str) -> Option<Vec<String>> {
    let code = QrCode::with_error_correction_level(text, EcLevel::M).ok()?;
    let mut drawn = code.render::<Dense1x2>();
    drawn.dark_color(Dense1x2::Light).light_color(Dense1x2::Dark).quiet_zone(true);
    Some(drawn.build().lines().map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads the code as a camera does, from modules where true is dark.
    fn read(modules: &[Vec<bool>]) -> String {
        const MODULE_LEN: usize = 4;
        let side = modules.len() * MODULE_LEN;
        let shade = |x: usize, y: usize| if modules[y / MODULE_LEN][x / MODULE_LEN] { 0 } else { 255 };
        let mut image = rqrr::PreparedImage::prepare_from_greyscale(side, side, shade);
        let codes = image.detect_grids();
        assert_eq!(codes.len(), 1, "one code is seen");
        codes[0].decode().expect("it can be read").1
    }

    #[test]
    fn the_drawn_code_can_be_read_with_its_quiet_zone() {
        let text = "http://192.168.100.200:8080/?r=demo";
        let lines = lines(text).expect("short enough");
        let width = lines[0].chars().count();
        assert!(width < 80 && lines.iter().all(|line| line.chars().count() == width), "{lines:#?}");
        let halves = |drawn: char| match drawn {
            '█' => [false, false],
            '▀' => [false, true],
            '▄' => [true, false],
            ' ' => [true, true],
            other => panic!("{other:?} is no half block"),
        };
        let row = |line: &String, half: usize| line.chars().map(|drawn| halves(drawn)[half]).collect::<Vec<bool>>();
        let mut modules: Vec<Vec<bool>> = lines.iter().flat_map(|line| [row(line, 0), row(line, 1)]).collect();
        modules.truncate(width); // the last line of an odd number is half empty
        let quiet = |line: &Vec<bool>| line.iter().all(|dark| !dark);
        assert!(modules[..4].iter().chain(&modules[width - 4..]).all(quiet), "{lines:#?}");
        assert_eq!(read(&modules), text);
        assert!(super::lines(&"x".repeat(5_000)).is_none());
    }
}
