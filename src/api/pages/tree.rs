//! The files of `static/`, and the one hash they all stand under.
//!
//! Invariant: the hash covers every name and every content, so a page and what it loads are of one version. A file's
//! tag is of its own content, so that a file that did not change is not sent again under another hash.

use std::{
    borrow::Cow,
    collections::BTreeMap,
    fmt::Write as _,
    sync::{Arc, OnceLock},
};

use bytes::Bytes;
use rust_embed::RustEmbed;
use sha2::{Digest as _, Sha256};

use super::encoding::Encoding;

/// Files for those who write pages stay out: types, notes, tests.
#[derive(RustEmbed)]
#[folder = "static/"]
#[exclude = "*.d.ts"]
#[exclude = "*.d.mts"]
#[exclude = "*.md"]
#[exclude = "*.test.js"]
struct Static;

/// Below this a compressed body saves no packet.
const COMPRESSED_LEN_MIN: usize = 512;

/// Hexadecimal digits of a hash in an address or a tag: 64 bits, against chance.
const HASH_LEN: usize = 16;

/// How pages name what they load; the hash is put behind it. JavaScript and styles use relative addresses instead.
const PREFIX: &str = "\"/static/";

/// All files of one version.
pub(super) struct Tree {
    hash: String,
    assets: BTreeMap<String, Arc<Asset>>,
}

/// A file as it is sent.
pub(super) struct Asset {
    media: Media,
    hash: String,
    plain: Bytes,
    gzip: OnceLock<Bytes>,
    brotli: OnceLock<Bytes>,
}

/// What a file is, by its ending.
#[derive(Clone, Copy)]
struct Media {
    name: &'static str,
    compressible: bool,
}

const HTML: &str = "text/html; charset=utf-8";

fn media(path: &str) -> Option<Media> {
    let (name, compressible) = match path.rsplit_once('.')?.1 {
        "html" => (HTML, true),
        "js" | "mjs" => ("text/javascript; charset=utf-8", true),
        "css" => ("text/css; charset=utf-8", true),
        "json" => ("application/json", true),
        "webmanifest" => ("application/manifest+json", true),
        "svg" => ("image/svg+xml", true),
        "txt" => ("text/plain; charset=utf-8", true),
        "png" => ("image/png", false),
        "webp" => ("image/webp", false),
        "ico" => ("image/x-icon", false),
        "woff2" => ("font/woff2", false),
        "mp3" => ("audio/mpeg", false),
        "wav" => ("audio/wav", false),
        _ => return None,
    };
    Some(Media { name, compressible })
}

impl Tree {
    /// The tree as it is: embedded, or in a debug build on disk. What did not change since `former` is taken from
    /// there, with what was compressed of it.
    pub(super) fn read(former: Option<&Self>) -> Self {
        let mut names: Vec<String> = Static::iter().map(String::from).collect();
        names.sort_unstable();
        let content = |name: &str| match Static::get(name)?.data {
            Cow::Borrowed(embedded) => Some(Bytes::from_static(embedded)),
            Cow::Owned(read) => Some(Bytes::from(read)),
        };
        // A file that goes away while a debug build reads is simply not there.
        let files = names.into_iter().filter_map(|name| content(&name).map(|content| (name, content)));
        Self::of(files.collect(), former)
    }

    fn of(files: Vec<(String, Bytes)>, former: Option<&Self>) -> Self {
        let mut hasher = Sha256::new();
        for (name, content) in &files {
            // Each part with its length before it: no two trees are the same stream.
            for part in [name.as_bytes(), content] {
                hasher.update((part.len() as u64).to_le_bytes());
                hasher.update(part);
            }
        }
        let hash = hexadecimal(&hasher.finalize());
        let assets = files.into_iter().map(|(name, content)| {
            let asset = Asset::new(&name, content, &hash);
            let same = former.and_then(|former| former.asset(&name)).filter(|former| former.plain == asset.plain);
            (name, same.unwrap_or_else(|| Arc::new(asset)))
        });
        Self { assets: assets.collect(), hash }
    }

    /// The part of addresses that names this version.
    pub(super) fn hash(&self) -> &str {
        &self.hash
    }

    /// A file, by its path below the folder.
    pub(super) fn asset(&self, path: &str) -> Option<Arc<Asset>> {
        self.assets.get(path).cloned()
    }
}

impl Asset {
    fn new(name: &str, content: Bytes, tree_hash: &str) -> Self {
        let media = media(name).unwrap_or(Media { name: "application/octet-stream", compressible: false });
        let plain = match std::str::from_utf8(&content) {
            Ok(page) if media.name == HTML => page.replace(PREFIX, &format!("{PREFIX}{tree_hash}/")).into(),
            _ => content,
        };
        let hash = hexadecimal(&Sha256::digest(&plain));
        Self { media, hash, plain, gzip: OnceLock::new(), brotli: OnceLock::new() }
    }

    /// Its content type.
    pub(super) fn media(&self) -> &'static str {
        self.media.name
    }

    /// Whether it is a page, which has an address of its own.
    pub(super) fn is_page(&self) -> bool {
        self.media.name == HTML
    }

    /// Whether it is worth compressing.
    pub(super) fn is_compressible(&self) -> bool {
        self.media.compressible && self.plain.len() >= COMPRESSED_LEN_MIN
    }

    /// The entity tag of its content in this encoding, with its quotes.
    pub(super) fn tag(&self, encoding: Encoding) -> String {
        match encoding.name() {
            None => format!("\"{}\"", self.hash),
            Some(name) => format!("\"{}-{name}\"", self.hash),
        }
    }

    /// Its content in this encoding, if that is there already.
    pub(super) fn ready(&self, encoding: Encoding) -> Option<Bytes> {
        match encoding {
            Encoding::Identity => Some(self.plain.clone()),
            Encoding::Gzip => self.gzip.get().cloned(),
            Encoding::Brotli => self.brotli.get().cloned(),
        }
    }

    /// Its content in this encoding: compressed at the first call, kept for all others.
    pub(super) fn body(&self, encoding: Encoding) -> Bytes {
        let compress = || encoding.encode(&self.plain).into();
        match encoding {
            Encoding::Identity => self.plain.clone(),
            Encoding::Gzip => self.gzip.get_or_init(compress).clone(),
            Encoding::Brotli => self.brotli.get_or_init(compress).clone(),
        }
    }
}

fn hexadecimal(digest: &[u8]) -> String {
    digest.iter().take(HASH_LEN / 2).fold(String::with_capacity(HASH_LEN), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(files: &[(&str, &str)], former: Option<&Tree>) -> Tree {
        let owned = |(name, content): &(&str, &str)| ((*name).to_owned(), Bytes::from((*content).to_owned()));
        Tree::of(files.iter().map(owned).collect(), former)
    }

    fn text(tree: &Tree, name: &str) -> String {
        String::from_utf8(tree.asset(name).expect("there").body(Encoding::Identity).to_vec()).expect("text")
    }

    const PAGE: &str = r#"<link href="/static/a.css"><script type="module" src="/static/a.js"></script>"#;

    #[test]
    fn pages_name_the_version_of_what_they_load_and_nothing_else_changes() {
        let tree = tree(&[("a.html", PAGE), ("a.js", r#"x("/static/a.css")"#)], None);
        let hash = tree.hash();
        assert_eq!((hash.len(), hash.bytes().all(|byte| byte.is_ascii_hexdigit())), (16, true));
        let expected =
            format!(r#"<link href="/static/{hash}/a.css"><script type="module" src="/static/{hash}/a.js"></script>"#);
        assert_eq!(text(&tree, "a.html"), expected);
        assert_eq!(text(&tree, "a.js"), r#"x("/static/a.css")"#);
    }

    #[test]
    fn the_hash_covers_names_and_contents() {
        let base = [("a.html", PAGE), ("a.js", "1")];
        let hash = tree(&base, None).hash().to_owned();
        assert_eq!(tree(&base, None).hash(), hash);
        for other in
            [vec![("a.html", PAGE), ("a.js", "2")], vec![("a.html", PAGE), ("b.js", "1")], vec![("a.html", PAGE)]]
        {
            assert_ne!(tree(&other, None).hash(), hash, "{other:?}");
        }
        assert_ne!(tree(&[("a", "bc")], None).hash(), tree(&[("ab", "c")], None).hash());
    }

    #[test]
    fn what_stayed_is_not_compressed_again() {
        let large = "let waiting = 3;\n".repeat(100);
        let former = tree(&[("a.html", PAGE), ("a.js", &large), ("b.js", "1")], None);
        let compressed = former.asset("a.js").expect("there").body(Encoding::Brotli);
        let next = tree(&[("a.html", PAGE), ("a.js", &large), ("b.js", "2")], Some(&former));
        let kept = next.asset("a.js").expect("there").ready(Encoding::Brotli).expect("ready");
        assert_eq!(kept.as_ptr(), compressed.as_ptr(), "the same bytes");
        assert_eq!(text(&next, "b.js"), "2");
        assert!(text(&next, "a.html").contains(next.hash()), "a page names the new version");
    }

    #[test]
    fn tags_differ_by_content_and_encoding() {
        let tree = tree(&[("a.js", "1"), ("b.js", "2"), ("c.js", "1")], None);
        let tag = |name: &str, encoding| tree.asset(name).expect("there").tag(encoding);
        assert_ne!(tag("a.js", Encoding::Identity), tag("b.js", Encoding::Identity));
        assert_eq!(tag("a.js", Encoding::Identity), tag("c.js", Encoding::Identity));
        assert!(tag("a.js", Encoding::Brotli).ends_with("-br\"") && tag("a.js", Encoding::Gzip).ends_with("-gzip\""));
    }

    #[test]
    fn small_and_compressed_files_go_as_they_are() {
        let large = "x".repeat(COMPRESSED_LEN_MIN);
        let tree = tree(&[("a.js", &large), ("b.js", &large[1..]), ("c.png", &large), ("d.woff2", &large)], None);
        let worth = |name: &str| tree.asset(name).expect("there").is_compressible();
        assert_eq!(["a.js", "b.js", "c.png", "d.woff2"].map(worth), [true, false, false, false]);
    }

    #[test]
    fn every_file_is_of_a_known_kind_and_notes_stay_out() {
        let tree = Tree::read(None);
        for name in tree.assets.keys() {
            assert!(media(name).is_some() || name.contains("LICEN"), "static/{name}: its ending is in no list here");
            assert!(!name.ends_with(".md") && !name.ends_with(".d.ts") && !name.ends_with(".d.mts"), "static/{name}");
        }
    }
}
