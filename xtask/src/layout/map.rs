//! Where the linker put the pieces of code, as its map tells.

use crate::Result;

/// The pieces of code, by address.
#[derive(Debug)]
pub(super) struct Map {
    sections: Vec<Section>,
}

/// What the compiler gave the linker in one piece: as a rule a function.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Section {
    pub(super) address: u64,
    /// In bytes.
    pub(super) size: u64,
    pub(super) name: String,
}

impl Map {
    /// Reads the map of LLVM's linker: address, address in the file, size, alignment, and `object:(section)`.
    pub(super) fn parse(text: &str) -> Result<Self> {
        let mut sections: Vec<_> = text.lines().filter_map(Section::parse).collect();
        if sections.is_empty() {
            return Err("the linker's map names no functions; only that of LLVM's linker is understood".into());
        }
        sections.sort_unstable_by_key(|section| section.address);
        Ok(Self { sections })
    }

    pub(super) fn sections(&self) -> &[Section] {
        &self.sections
    }

    /// The index of the piece with this address.
    pub(super) fn find(&self, address: u64) -> Option<usize> {
        let index = self.sections.partition_point(|section| section.address <= address).checked_sub(1)?;
        let section = self.sections.get(index)?;
        (address < section.address + section.size).then_some(index)
    }
}

impl Section {
    fn parse(line: &str) -> Option<Self> {
        let mut columns = line.split_ascii_whitespace();
        let address = u64::from_str_radix(columns.next()?, 16).ok()?;
        let size = u64::from_str_radix(columns.nth(1)?, 16).ok()?;
        let (_, name) = line.strip_suffix(')')?.rsplit_once(":(")?;
        (size > 0 && name.starts_with(".text.")).then(|| Self { address, size, name: name.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
             VMA              LMA     Size Align Out     In      Symbol
          321d40           321d40   b66240    64 .text
          321d40           321d40       22    16         /usr/lib/Scrt1.o:(.text)
          321e30           321e30        5    16         /a/b-cgu.0.rcgu.o:(.text.unlikely._ZN1a4mainE)
          321e30           321e30        5     1                 a::main
          e47030           e47030       43    16         lib.rlib(1-sqlite3.o):(.text.sqlite3Hook)
";

    #[test]
    fn functions_are_read_and_found() {
        let map = Map::parse(TEXT).unwrap();
        let names: Vec<_> = map.sections().iter().map(|section| section.name.as_str()).collect();
        assert_eq!(names, [".text.unlikely._ZN1a4mainE", ".text.sqlite3Hook"]);
        assert_eq!(map.find(0x321e34), Some(0));
        assert_eq!(map.find(0x321e35), None, "between two");
        assert_eq!(map.find(0xe47072), Some(1));
        assert_eq!(map.find(0x10), None);
    }

    #[test]
    fn the_map_of_another_linker_is_refused() {
        assert!(Map::parse("Memory Configuration\n .text  0x0000000000001000 0x20 a.o\n").is_err());
    }
}
