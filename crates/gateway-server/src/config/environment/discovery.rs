//! Providers from variables: `<PROVIDER>[_SUFFIX]_API_KEY` and its companions.
//!
//! ```text
//! OPENAI_API_KEY=…                     openai
//! OPENAI_API_KEY_2=…                   openai, a second key that takes turns with the first
//! OPENAI_EAST_API_KEY=…                openai-east, of kind openai
//! OPENAI_EAST_BASE_URL=https://…       where it is
//! OPENAI_EAST_MODELS=gpt-4o,o3         what it has, instead of asking it
//! OLLAMA_BASE_URL=http://localhost:11434    a kind that needs no key is known by its address alone
//! ```

use super::{Variables, value};
use crate::config::{Cloud, KindInfo};

/// A provider that variables speak of: its kind and the suffix, if there is one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Instance<'a> {
    kind: &'a KindInfo<'a>,
    suffix: Option<String>,
}

/// What the variables of an instance say.
#[derive(Default)]
pub(crate) struct Discovered {
    /// The keys, each with the name of its variable.
    pub(crate) keys: Vec<(String, String)>,
    /// The address with the name of its variable.
    pub(crate) base_url: Option<(String, String)>,
    pub(crate) api_version: Option<String>,
    pub(crate) models: Vec<String>,
    /// An access key of AWS: its two parts and the session token, each with the name of its variable.
    pub(crate) aws: Option<AwsVariables>,
    pub(crate) region: Option<String>,
    /// The file of a Google account's key with the name of its variable.
    pub(crate) credentials_file: Option<(String, String)>,
    pub(crate) project: Option<String>,
    /// The project for credentials that name none.
    pub(crate) general_project: Option<String>,
    pub(crate) location: Option<String>,
}

/// An access key of AWS in variables.
pub(crate) struct AwsVariables {
    /// The variable of the key's id.
    pub(crate) variable: String,
    pub(crate) access_key_id: String,
    pub(crate) secret_access_key: String,
    pub(crate) session_token: Option<String>,
}

/// What stands at the end of a variable's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    Key,
    BaseUrl,
    /// Where in a cloud it is, or how it signs in there.
    Cloud(Cloud),
    Other,
}

const KEY: &str = "_API_KEY";
const BASE_URL: &str = "_BASE_URL";
const MODELS: &str = "_MODELS";
const VERSION: &str = "_API_VERSION";
const REGION: &str = "_REGION";
const CREDENTIALS_FILE: &str = "_CREDENTIALS_FILE";
const PROJECT: &str = "_PROJECT";
const LOCATION: &str = "_LOCATION";

/// All providers that the variables register: in the order of `kinds`, the one without suffix first, then by suffix.
pub(crate) fn discover<'a>(variables: &dyn Variables, kinds: &'a [KindInfo<'a>]) -> Vec<Instance<'a>> {
    let mut found: Vec<(usize, Instance<'a>)> = Vec::new();
    for name in variables.names() {
        let Some((index, suffix, role)) = read_name(&name, kinds) else {
            continue;
        };
        let kind = &kinds[index];
        let instance = Instance { kind, suffix };
        let registers = match role {
            Role::Key => true,
            Role::BaseUrl => !kind.needs_key,
            Role::Cloud(cloud) => kind.cloud == Some(cloud) && instance.read(variables).signs_in(),
            Role::Other => false,
        };
        if registers && value(variables, &name).is_some() && !found.iter().any(|(_, other)| *other == instance) {
            found.push((index, instance));
        }
    }
    // The variables that the clouds' own tools read.
    for (index, kind) in kinds.iter().enumerate().filter(|(_, kind)| kind.cloud.is_some()) {
        let instance = Instance { kind, suffix: None };
        let known = found.iter().any(|(_, other)| *other == instance);
        let read = instance.read(variables);
        let is_complete = kind.cloud != Some(Cloud::Aws) || read.region.is_some();
        if !known && read.signs_in() && is_complete && is_meant(variables, kind) {
            found.push((index, instance));
        }
    }
    found.sort_by(|(a, one), (b, other)| (a, &one.suffix).cmp(&(b, &other.suffix)));
    found.into_iter().map(|(_, instance)| instance).collect()
}

/// Whether a variable says that a cloud's models are wanted. Its credentials alone may be there for other programs.
fn is_meant(variables: &dyn Variables, kind: &KindInfo<'_>) -> bool {
    let belongs = |name: &String| {
        let own =
            kind.env_prefixes.iter().any(|prefix| name.strip_prefix(prefix).is_some_and(|rest| rest.starts_with('_')));
        own || (kind.cloud == Some(Cloud::Aws) && name == "AWS_BEARER_TOKEN_BEDROCK")
    };
    variables.names().iter().any(|name| belongs(name) && value(variables, name).is_some())
}

/// Takes a variable's name apart into the index of its kind, the suffix and the role.
fn read_name(name: &str, kinds: &[KindInfo<'_>]) -> Option<(usize, Option<String>, Role)> {
    let (owner, role) = split_role(name)?;
    let prefixes = kinds.iter().enumerate().flat_map(|(index, kind)| kind.env_prefixes.iter().map(move |p| (index, p)));
    let fits = prefixes.filter_map(|(index, prefix)| match owner.strip_prefix(prefix)? {
        "" => Some((prefix.len(), index, None)),
        rest => Some((prefix.len(), index, Some(rest.strip_prefix('_').filter(|rest| is_suffix(rest))?.to_owned()))),
    });
    // The longest prefix wins, because `AZURE_OPENAI` must not be the instance `openai` of a kind `AZURE`.
    let (_, index, suffix) = fits.max_by_key(|(length, index, _)| (*length, std::cmp::Reverse(*index)))?;
    Some((index, suffix, role))
}

fn split_role(name: &str) -> Option<(&str, Role)> {
    if let Some(owner) = name.strip_suffix(KEY) {
        return Some((owner, Role::Key));
    }
    if let Some(owner) = name.strip_suffix(BASE_URL) {
        return Some((owner, Role::BaseUrl));
    }
    for (role, cloud) in [(REGION, Cloud::Aws), (CREDENTIALS_FILE, Cloud::Google)] {
        if let Some(owner) = name.strip_suffix(role) {
            return Some((owner, Role::Cloud(cloud)));
        }
    }
    if let Some(owner) = name.strip_suffix(MODELS).or_else(|| name.strip_suffix(VERSION)) {
        return Some((owner, Role::Other));
    }
    let (owner, number) = name.rsplit_once('_')?;
    number.parse::<u32>().ok()?;
    Some((owner.strip_suffix(KEY)?, Role::Key))
}

fn is_suffix(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_';
    !text.is_empty() && text.bytes().all(allowed) && !text.starts_with('_') && !text.ends_with('_')
}

// === impl Instance ===

impl<'a> Instance<'a> {
    /// The instance whose variables belong to an entry of the file: by its name, whatever its kind is called.
    pub(crate) fn of_entry(name: &str, kind: &'a KindInfo<'a>) -> Option<Self> {
        let rest = name.strip_prefix(kind.name)?;
        let suffix = match rest.strip_prefix('-') {
            Some(suffix) => Some(suffix.to_ascii_uppercase().replace('-', "_")),
            None if rest.is_empty() => None,
            None => return None,
        };
        Some(Self { kind, suffix })
    }

    pub(crate) fn kind(&self) -> &'a KindInfo<'a> {
        self.kind
    }

    /// The provider's name: `openai`, or `openai-east` with the suffix `EAST`.
    pub(crate) fn name(&self) -> String {
        match &self.suffix {
            Some(suffix) => format!("{}-{}", self.kind.name, suffix.to_ascii_lowercase().replace('_', "-")),
            None => self.kind.name.to_owned(),
        }
    }

    /// The beginnings of its variables' names; the first is the one to recommend.
    pub(crate) fn owners(&self) -> Vec<String> {
        let suffix = self.suffix.iter().map(|suffix| format!("_{suffix}")).collect::<String>();
        self.kind.env_prefixes.iter().map(|prefix| format!("{prefix}{suffix}")).collect()
    }

    /// Reads its variables. Where a kind has several prefixes, the first that gives a value wins for each of them,
    /// since `GEMINI_API_KEY` and `GOOGLE_API_KEY` are often the same key twice.
    pub(crate) fn read(&self, variables: &dyn Variables) -> Discovered {
        read(&self.owners(), variables, self.kind)
    }
}

/// Reads the variables that begin with one of `owners`.
pub(crate) fn read(owners: &[String], variables: &dyn Variables, kind: &KindInfo<'_>) -> Discovered {
    let first = |role: &str| {
        let mut names = owners.iter().map(|owner| format!("{owner}{role}"));
        names.find_map(|name| value(variables, &name).map(|value| (name, value)))
    };
    let models = first(MODELS).map(|(_, list)| list).unwrap_or_default();
    let mut read = Discovered {
        keys: owners.iter().map(|owner| keys(owner, variables)).find(|keys| !keys.is_empty()).unwrap_or_default(),
        base_url: first(BASE_URL),
        api_version: first(VERSION).map(|(_, version)| version),
        models: models.split(',').map(|model| model.trim().to_owned()).filter(|model| !model.is_empty()).collect(),
        ..Discovered::default()
    };
    let shared = |names: &[&str]| names.iter().find_map(|name| value(variables, name));
    let own = |role: &str| first(role).map(|(_, value)| value);
    match kind.cloud {
        None => {}
        Some(Cloud::Aws) => {
            read.region = own(REGION).or_else(|| shared(&["AWS_REGION", "AWS_DEFAULT_REGION"]));
            if read.keys.is_empty() {
                read.keys.extend(named(variables, "AWS_BEARER_TOKEN_BEDROCK"));
            }
            read.aws = if read.keys.is_empty() { aws(variables) } else { None };
        }
        Some(Cloud::Google) => {
            read.project = own(PROJECT);
            read.general_project = shared(&["GOOGLE_CLOUD_PROJECT"]);
            read.location = own(LOCATION).or_else(|| shared(&["GOOGLE_CLOUD_LOCATION"]));
            if read.keys.is_empty() {
                let general = || named(variables, "GOOGLE_APPLICATION_CREDENTIALS");
                read.credentials_file = first(CREDENTIALS_FILE).or_else(general);
            }
        }
    }
    read
}

fn named(variables: &dyn Variables, name: &str) -> Option<(String, String)> {
    value(variables, name).map(|value| (name.to_owned(), value))
}

fn aws(variables: &dyn Variables) -> Option<AwsVariables> {
    let (variable, access_key_id) = named(variables, "AWS_ACCESS_KEY_ID")?;
    let secret_access_key = value(variables, "AWS_SECRET_ACCESS_KEY")?;
    let session_token = value(variables, "AWS_SESSION_TOKEN");
    Some(AwsVariables { variable, access_key_id, secret_access_key, session_token })
}

impl Discovered {
    /// Whether there is something to sign in with.
    fn signs_in(&self) -> bool {
        !self.keys.is_empty() || self.aws.is_some() || self.credentials_file.is_some()
    }
}

/// `OPENAI_API_KEY` and then its numbered companions in the order of their numbers.
fn keys(owner: &str, variables: &dyn Variables) -> Vec<(String, String)> {
    let base = format!("{owner}{KEY}");
    let number = |name: &str| match name.strip_prefix(base.as_str())? {
        "" => Some(0),
        rest => rest.strip_prefix('_')?.parse::<u32>().ok(),
    };
    let mut names: Vec<(u32, String)> =
        variables.names().into_iter().filter_map(|name| Some((number(&name)?, name))).collect();
    names.sort();
    names.into_iter().filter_map(|(_, name)| value(variables, &name).map(|value| (name, value))).collect()
}
