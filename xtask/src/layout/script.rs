//! The linker script: groups of functions in front of all others.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::map::Map;

/// A name may stand for functions that did not run, if all of them together are no larger than this, in bytes; otherwise
/// those that ran are named with what changes, so that no others come with them as long as it does not.
const SMALL: u64 = 4 << 10;
/// What the names of functions have that are for processors with instructions that Valgrind does not know.
const UNTRACED: [&str; 3] = ["avx512", "vnni", "x86_sha"];

/// Names of functions in the order in which they are to lie.
pub(super) struct Script {
    groups: Vec<Group>,
}

struct Group {
    name: &'static str,
    patterns: Vec<String>,
    /// Of all functions that they name, in bytes.
    size: u64,
}

impl Script {
    /// Groups of functions by the addresses that ran; what is in one is not in a later one.
    pub(super) fn new(map: &Map, runs: &[(&'static str, &BTreeSet<u64>)]) -> Self {
        let mut sizes: BTreeMap<String, u64> = BTreeMap::new();
        for section in map.sections() {
            *sizes.entry(pattern(&section.name)).or_default() += section.size;
        }
        let mut placed = BTreeSet::new();
        let groups = runs.iter().map(|&(name, ran)| {
            let mut group = Group { name, patterns: Vec::new(), size: 0 };
            for Named { pattern, exact, size: ran } in named(map, ran) {
                let size = sizes.get(&pattern).copied().unwrap_or_default();
                let (patterns, size) =
                    if size <= SMALL || size <= 2 * ran { (vec![pattern], size) } else { (exact, ran) };
                let new: Vec<_> = patterns.into_iter().filter(|pattern| placed.insert(pattern.clone())).collect();
                group.size += if new.is_empty() { 0 } else { size };
                group.patterns.extend(new);
            }
            group
        });
        let mut groups: Vec<_> = groups.collect();
        if let Some(last) = groups.last_mut() {
            last.patterns.extend(UNTRACED.iter().map(|part| format!(".text.*{part}*")));
        }
        Self { groups }
    }
}

/// Functions that ran and have a name in common.
struct Named {
    pattern: String,
    exact: Vec<String>,
    /// Of those that ran, in bytes.
    size: u64,
}

/// The functions that ran, in the order of their addresses.
fn named(map: &Map, ran: &BTreeSet<u64>) -> Vec<Named> {
    let indices: BTreeSet<_> = ran.iter().filter_map(|address| map.find(*address)).collect();
    let mut order: Vec<Named> = Vec::new();
    let mut known: BTreeMap<String, usize> = BTreeMap::new();
    for section in indices.into_iter().filter_map(|index| map.sections().get(index)) {
        let pattern = pattern(&section.name);
        let place = *known.entry(pattern.clone()).or_insert_with(|| {
            order.push(Named { pattern, exact: Vec::new(), size: 0 });
            order.len() - 1
        });
        if let Some(named) = order.get_mut(place) {
            named.exact.push(section.name.clone());
            named.size += section.size;
        }
    }
    order
}

/// A name without what changes with the version of the compiler or of a crate: the hash at its end, or in newer names
/// the hash of each crate.
fn pattern(section: &str) -> String {
    // Copies of a function that the optimizer made are numbered.
    let numbered = section.rsplit_once('.').filter(|(_, end)| end.bytes().all(|byte| byte.is_ascii_digit()));
    if let Some((name, _)) = numbered {
        return pattern(name) + ".*";
    }
    let mut left = section;
    let mut pattern = String::with_capacity(section.len());
    while let Some(start) = left.find("17h").filter(|start| is_hash(&left[start + 3..])) {
        pattern.push_str(&left[..start]);
        pattern.push_str("17h*");
        left = &left[start + 19..];
    }
    pattern.push_str(left);
    if pattern.contains("_R") { without_disambiguators(&pattern) } else { pattern }
}

fn is_hash(text: &str) -> bool {
    text.len() > 16 && text.as_bytes()[..16].iter().all(u8::is_ascii_hexdigit) && text.as_bytes()[16] == b'E'
}

/// `Cs…_` before the name of a crate, see "Symbol Mangling (v0)", `crate-root`.
fn without_disambiguators(name: &str) -> String {
    let mut parts = name.split("Cs");
    let mut without = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        without.push_str("Cs");
        match part.split_once('_') {
            Some((hash, rest)) if hash.chars().all(|letter| letter.is_ascii_alphanumeric()) => {
                without.push_str("*_");
                without.push_str(rest);
            }
            _ => without.push_str(part),
        }
    }
    without
}

// === impl Display for Script ===

impl fmt::Display for Script {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "/* Which functions run, so that they lie together. Written by `cargo xtask layout`. */")?;
        writeln!(formatter, "SECTIONS\n{{")?;
        for Group { name, patterns, .. } in &self.groups {
            writeln!(formatter, "  .text.{name} :\n  {{")?;
            for pattern in patterns {
                writeln!(formatter, "    *({pattern})")?;
            }
            writeln!(formatter, "  }}")?;
        }
        writeln!(formatter, "}}\nINSERT BEFORE .text;")
    }
}

impl fmt::Debug for Script {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, Group { name, patterns, size }) in self.groups.iter().enumerate() {
            let comma = if index > 0 { ", " } else { "" };
            write!(formatter, "{comma}{} names and {} KB to {name}", patterns.len(), size / 1000)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_do_not_depend_on_the_compiler() {
        let cases = [
            (".text._ZN1a4main17h33a438f00fd717dbE", ".text._ZN1a4main17h*E"),
            (".text.unlikely._RNvMs4_NtCslNYArtu3iFV_5alloc3vec", ".text.unlikely._RNvMs4_NtCs*_5alloc3vec"),
            (".text._ZN1a1b17h33a438f00fd717dbE.3362", ".text._ZN1a1b17h*E.*"),
            (".text.sqlite3Hook", ".text.sqlite3Hook"),
            (".text._ZN1a17hello_hello_helloE", ".text._ZN1a17hello_hello_helloE"),
        ];
        for (name, expected) in cases {
            assert_eq!(pattern(name), expected);
        }
    }

    #[test]
    fn what_runs_is_in_the_first_group_that_needs_it() {
        let map = Map::parse(
            "10 10 4 1 a.o:(.text.both)\n20 20 4 1 a.o:(.text.late)\n30 30 4 1 a.o:(.text.never)\n\
             40 40 4 1 a.o:(.text.huge17h0123456789abcdefE)\n50 50 100000 1 a.o:(.text.huge17h1123456789abcdefE)\n",
        );
        let script =
            Script::new(&map.unwrap(), &[("start", &[0x10, 0x11].into()), ("serve", &[0x10, 0x23, 0x40].into())]);
        let text = script.to_string();
        let start = text.find(".text.start :").unwrap();
        let serve = text.find(".text.serve :").unwrap();
        assert!((start..serve).contains(&text.find("*(.text.both)").unwrap()));
        assert!(text.find("*(.text.late)").unwrap() > serve);
        assert!(!text.contains("never"));
        assert!(text.contains("*(.text.huge17h0123456789abcdefE)"), "4 bytes of a megabyte ran");
        assert!(!text.contains("huge17h*E") && !text.contains("huge17h1"));
        assert!(text.ends_with("INSERT BEFORE .text;\n"));
    }
}
