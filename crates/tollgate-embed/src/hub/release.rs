//! Which files make a model, and what they have to be.

/// A state of a repository of models, with the files that are needed of it.
#[derive(Clone, Copy, Debug)]
pub struct Release<'a> {
    /// `owner/name`.
    pub repository: &'a str,
    /// A branch, a tag or, best, a commit.
    pub revision: &'a str,
    /// The files, in the order in which they are fetched.
    pub files: &'a [PinnedFile<'a>],
}

/// A file and what it has to be.
#[derive(Clone, Copy, Debug)]
pub struct PinnedFile<'a> {
    /// In the root of the repository, and then in the folder of the model.
    pub name: &'a str,
    /// In bytes.
    pub size: u64,
    /// SHA-256 in lower-case hexadecimal.
    pub sha256: &'a str,
}

/// all-MiniLM-L6-v2 (Apache-2.0), 91 MB: the model that this crate is for.
pub const ALL_MINILM_L6_V2: Release<'static> = Release {
    repository: "sentence-transformers/all-MiniLM-L6-v2",
    revision: "c9745ed1d9f207416be6d2e6f8de32d1f16199bf",
    files: &[
        PinnedFile {
            name: "config.json",
            size: 612,
            sha256: "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41",
        },
        PinnedFile {
            name: "vocab.txt",
            size: 231_508,
            sha256: "07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3",
        },
        PinnedFile {
            name: "model.safetensors",
            size: 90_868_376,
            sha256: "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
        },
    ],
};

impl Release<'_> {
    /// The bytes of all files.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.files.iter().map(|file| file.size).sum()
    }
}
