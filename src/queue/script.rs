//! Lua scripts: read from `lua/` when the binary is built, joined with their shared parts, run by hash.
//!
//! A script says `--@use name…`; the loader puts `lua/lib/<name>.lua` there, without the functions that the script has
//! no use for: Lua makes each of them anew at every call. Redis reports errors by line of the joined text;
//! [`Script::explain`] maps them back to the file an engineer can open.

use std::collections::{HashMap, HashSet};

/// A file of `lua/`, as it was when the binary was built.
#[derive(Clone, Copy, Debug)]
pub struct LuaFile {
    /// `join` or `lib/order`.
    pub name: &'static str,
    /// Its text.
    pub text: &'static str,
}

macro_rules! lua_files {
    ($($name:literal),+ $(,)?) => {
        &[$(LuaFile { name: $name, text: include_str!(concat!("../../lua/", $name, ".lua")) }),+]
    };
}

/// Shared parts.
pub const LIBRARY: &[LuaFile] = lua_files![
    "lib/keys",
    "lib/call",
    "lib/outage",
    "lib/state",
    "lib/menu",
    "lib/order",
    "lib/deadline",
    "lib/ticket",
    "lib/recorded",
    "lib/stock",
    "lib/overtake",
    "lib/pace",
];

/// Operations, one file each.
pub const OPERATIONS: &[LuaFile] = lua_files![
    "load",
    "compare",
    "reconcile",
    "join",
    "call_next",
    "call",
    "recall",
    "put_back",
    "delay",
    "seat",
    "complete",
    "cancel",
    "no_show",
    "restore",
    "rejoin",
    "undo",
    "check_in",
    "edit",
    "announce",
    "restaurant_set",
    "line_set",
    "policy_set",
    "stock_set",
    "stock_adjust",
    "find",
    "due",
    "trim",
    "expire",
    "roll_day",
    "snapshot",
];

/// Put before a script in tests: a key that is not declared fails, as it would on the wrong node of a cluster.
const KEY_GUARD: &str = concat!(
    "local declared = {} for _, key in ipairs(KEYS) do declared[key] = true end ",
    "local keyless = { TIME = true, INFO = true } ",
    "local real_call = redis.call ",
    "local redis = { call = function(command, ...) ",
    "if command == 'UNLINK' or command == 'DEL' then ",
    "for _, key in ipairs({...}) do if not declared[key] then error('undeclared key ' .. key) end end ",
    "elseif not keyless[command] and not declared[(...)] then error('undeclared key ' .. tostring((...))) end ",
    "return real_call(command, ...) end }\n",
);

/// A script, ready to run.
#[derive(Debug)]
pub struct Script {
    /// Its operation.
    pub name: &'static str,
    /// Names of its own arguments, from its header.
    pub arguments: Vec<&'static str>,
    /// The joined text.
    pub text: String,
    /// Its SHA-1 in hex, by which Redis knows it.
    pub hash: String,
    /// For each line of the joined text: file and line.
    origins: Vec<(&'static str, usize)>,
}

/// All scripts, by operation.
pub type Scripts = HashMap<&'static str, Script>;

/// Joins every operation with its shared parts. `guarded` also refuses undeclared keys, for tests.
#[must_use]
pub fn load_all(guarded: bool) -> Scripts {
    OPERATIONS.iter().map(|file| (file.name, Script::join(*file, guarded))).collect()
}

impl Script {
    fn join(file: LuaFile, guarded: bool) -> Self {
        let mut pieces: Vec<Piece> = Vec::new();
        for (index, line) in file.text.lines().enumerate() {
            let Some(parts) = line.strip_prefix("--@use ") else {
                pieces.push(Piece::line(line, (file.name, index + 1)));
                continue;
            };
            if guarded {
                pieces.push(Piece::line(KEY_GUARD.trim_end(), ("key guard", 1)));
            }
            for part in parts.split_whitespace() {
                let part = LIBRARY
                    .iter()
                    .find(|library| library.name.strip_prefix("lib/") == Some(part))
                    .unwrap_or_else(|| panic!("lua/{}.lua uses {part}, which is not in lua/lib", file.name));
                pieces.extend(pieces_of(*part));
            }
        }
        let used = used(&pieces);
        let (mut text, mut origins) = (String::new(), Vec::new());
        for piece in pieces.iter().filter(|piece| piece.function.is_none_or(|name| used.contains(name))) {
            for (line, origin) in &piece.lines {
                text.push_str(line);
                text.push('\n');
                origins.push(*origin);
            }
        }
        let hash = redis::Script::new(&text).get_hash().to_owned();
        Self { name: file.name, arguments: header_list(file, "ARGV"), text, hash, origins }
    }

    /// The message with `user_script:<line>` replaced by file and line.
    #[must_use]
    pub fn explain(&self, message: &str) -> String {
        const MARK: &str = "user_script:";
        let mut explained = String::new();
        let mut rest = message;
        while let Some(at) = rest.find(MARK) {
            let (before, after) = rest.split_at(at);
            let after = &after[MARK.len()..];
            let digits = after.len() - after.trim_start_matches(|letter: char| letter.is_ascii_digit()).len();
            let origin = after[..digits].parse::<usize>().ok().and_then(|line| self.origins.get(line.checked_sub(1)?));
            explained.push_str(before);
            match origin {
                Some((name, line)) => explained.push_str(&format!("lua/{name}.lua:{line}")),
                None => explained.push_str(&format!("{MARK}{}", &after[..digits])),
            }
            rest = &after[digits..];
        }
        explained.push_str(rest);
        explained
    }
}

/// A function of a shared part, whole, or a line of what is none.
struct Piece {
    function: Option<&'static str>,
    lines: Vec<(&'static str, (&'static str, usize))>,
}

impl Piece {
    fn line(line: &'static str, origin: (&'static str, usize)) -> Self {
        Self { function: None, lines: vec![(line, origin)] }
    }

    /// Names in it, and other words.
    fn words(&self) -> impl Iterator<Item = &'static str> {
        self.lines.iter().flat_map(|(line, _)| words_of(line))
    }
}

/// Names in a line, and other words; none in a comment.
fn words_of(line: &str) -> impl Iterator<Item = &str> {
    let code = if line.trim_start().starts_with("--") { "" } else { line };
    code.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_')
}

/// A function begins with `local function` at the edge of the page, and ends with the next `end` there.
fn pieces_of(part: LuaFile) -> Vec<Piece> {
    let mut pieces: Vec<Piece> = Vec::new();
    let mut within = false;
    for (index, line) in part.text.lines().enumerate() {
        let origin = (part.name, index + 1);
        let name = line.strip_prefix("local function ").and_then(|rest| rest.split('(').next());
        match pieces.last_mut() {
            Some(function) if within => function.lines.push((line, origin)),
            _ => pieces.push(Piece { function: name, lines: vec![(line, origin)] }),
        }
        within = (within || name.is_some()) && line != "end";
    }
    pieces
}

/// Functions that are named by what is no function, or by one that is used.
fn used(pieces: &[Piece]) -> HashSet<&'static str> {
    let mut used = HashSet::new();
    let mut named: Vec<&str> = pieces.iter().filter(|piece| piece.function.is_none()).flat_map(Piece::words).collect();
    let functions: HashMap<&str, &Piece> = pieces.iter().filter_map(|piece| Some((piece.function?, piece))).collect();
    while let Some(name) = named.pop() {
        if let Some(function) = functions.get(name)
            && used.insert(name)
        {
            named.extend(function.words());
        }
    }
    used
}

/// The comma-separated names of a header field; `none` is an empty list.
fn header_list(file: LuaFile, field: &str) -> Vec<&'static str> {
    let prefix = format!("-- {field}: ");
    let list = file.text.lines().find_map(|line| line.strip_prefix(prefix.as_str()));
    let list = list.unwrap_or_else(|| panic!("lua/{}.lua has no {field} in its header", file.name));
    list.split(", ").filter(|name| *name != "none").collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn error_lines_are_mapped_back_to_files() {
        let scripts = load_all(false);
        let script = &scripts["recall"];
        let line = script.origins.iter().position(|origin| *origin == ("lib/order", 3)).expect("order is used") + 1;
        let explained = script.explain(&format!("ERR user_script:{line}: attempt to call a nil value script: x"));
        assert_eq!(explained, "ERR lua/lib/order.lua:3: attempt to call a nil value script: x");
        assert_eq!(script.explain("user_script:99999: odd"), "user_script:99999: odd");
    }

    #[test]
    fn what_a_script_has_no_use_for_is_left_out() {
        let scripts = load_all(false);
        let has = |script: &str, function: &str| scripts[script].text.contains(&format!("local function {function}("));
        assert!(has("join", "list") && has("join", "between"));
        assert!(!has("join", "miss") && !has("recall", "between") && !has("find", "happened"));
        for script in scripts.values() {
            let lines: Vec<&str> = script.text.lines().collect();
            assert_eq!(lines.len(), script.origins.len());
            for (line, (name, number)) in lines.iter().zip(&script.origins) {
                let file = LIBRARY.iter().chain(OPERATIONS).find(|file| file.name == *name).expect("a file");
                assert_eq!(file.text.lines().nth(number - 1), Some(*line), "{name}:{number}");
            }
            let words: Vec<&str> = lines.iter().flat_map(|line| words_of(line)).collect();
            for line in &lines {
                let Some(name) = line.strip_prefix("local function ").and_then(|rest| rest.split('(').next()) else {
                    continue;
                };
                assert!(words.iter().filter(|word| **word == name).count() > 1, "{}: nobody uses {name}", script.name);
            }
        }
    }

    #[test]
    fn headers_name_the_arguments() {
        let scripts = load_all(false);
        assert_eq!(scripts["call_next"].arguments, ["line", "party_min", "party_max", "to"]);
        assert!(scripts["snapshot"].arguments.is_empty());
    }
}
