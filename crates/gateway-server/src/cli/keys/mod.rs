//! `gateway-server keys`.

mod show;

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, SystemTime};

use clap::{Args, Subcommand};
use serde_json::{Value, json};
use tollgate_usage::directory::{
    Actor, Directory, DirectoryError, KeyFilter, KeyPath, KeyUpdate, NewKey, Page, VirtualKey,
};

use crate::config::types::Span;
use crate::config::{Overrides, ProcessEnvironment, Source, Variables, load};
use crate::managed::database;
use crate::providers::kinds;

/// What all commands of keys have.
#[derive(Debug, Args)]
pub(super) struct KeysArgs {
    #[command(subcommand)]
    command: KeysCommand,
    /// The configuration file, which says where the database is [env: TOLLGATE_CONFIG]
    #[arg(long, value_name = "FILE", global = true)]
    config: Option<PathBuf>,
    /// Print JSON
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum KeysCommand {
    /// Make a key; its secret is printed to standard output, once, and kept nowhere
    Create(CreateArgs),
    /// List keys
    List {
        /// Only those that belong to this path or below it
        #[arg(long, value_name = "PATH")]
        within: Option<KeyPath>,
    },
    /// Show a key
    Show(KeyArgs),
    /// Give a key a new secret, which is printed to standard output, once
    Rotate {
        #[command(flatten)]
        key: KeyArgs,
        /// For how long the old secret is still taken
        #[arg(long, value_name = "DURATION", default_value = "0")]
        grace: Span,
    },
    /// Change what a key may be used for; a list that is given replaces the old one, and `none` empties it
    Update {
        #[command(flatten)]
        key: KeyArgs,
        #[command(flatten)]
        settings: SettingsArgs,
    },
    /// Refuse a key from now on
    Disable(KeyArgs),
    /// Take a disabled key again
    Enable(KeyArgs),
    /// Set until when a key is valid; without further arguments, until now
    Expire {
        #[command(flatten)]
        key: KeyArgs,
        #[command(flatten)]
        end: EndArgs,
        /// Valid without end
        #[arg(long, conflicts_with_all = ["expires_in", "expires_at"])]
        never: bool,
    },
    /// Remove a key; what was accounted to it stays
    Delete(KeyArgs),
}

#[derive(Debug, Args)]
struct KeyArgs {
    /// The key's name or id
    key: String,
}

#[derive(Debug, Args)]
struct CreateArgs {
    /// The name under which its use is accounted
    name: String,
    #[command(flatten)]
    settings: SettingsArgs,
    #[command(flatten)]
    end: EndArgs,
    /// Refuse it until it is enabled
    #[arg(long)]
    disabled: bool,
}

#[derive(Debug, Args)]
struct SettingsArgs {
    /// Where it belongs, such as acme/search/alice
    #[arg(long, value_name = "PATH")]
    path: Option<KeyPath>,
    /// A tag for requests that do not give it themselves; may be repeated
    #[arg(long = "tag", value_name = "NAME=VALUE", value_parser = tag)]
    tags: Vec<(String, String)>,
    /// A model that it may be used for, with * at the end for anything; may be repeated
    #[arg(long = "model", value_name = "MODEL")]
    models: Vec<String>,
    /// A provider that it may be used for; may be repeated
    #[arg(long = "provider", value_name = "PROVIDER")]
    providers: Vec<String>,
    /// A protocol that it may be used with, such as openai_chat; may be repeated
    #[arg(long = "protocol", value_name = "PROTOCOL")]
    protocols: Vec<String>,
    /// Whether it may be used at /p/ also where models or protocols are limited
    #[arg(long, value_name = "BOOLEAN", num_args = 0..=1, default_missing_value = "true")]
    passthrough: Option<bool>,
    /// A limit on its use, as JSON; may be repeated
    #[arg(long = "limit", value_name = "JSON", value_parser = rule)]
    limits: Vec<Value>,
    /// A budget for its use, as JSON; may be repeated
    #[arg(long = "budget", value_name = "JSON", value_parser = rule)]
    budgets: Vec<Value>,
}

#[derive(Debug, Args)]
struct EndArgs {
    /// Valid for so long, such as 720h
    #[arg(long, value_name = "DURATION", conflicts_with = "expires_at")]
    expires_in: Option<Span>,
    /// Valid until then, such as 2027-01-01T00:00:00Z
    #[arg(long, value_name = "TIME")]
    expires_at: Option<jiff::Timestamp>,
}

/// How long a command may wait for the database.
const PATIENCE: Duration = Duration::from_secs(60);

/// Empties a list when it stands in its place.
const NONE: &str = "none";

pub(super) fn run(args: KeysArgs) -> ExitCode {
    let source = Source::choose(args.config, &ProcessEnvironment);
    // Nothing is listened on, so nothing needs to be protected.
    let overrides = Overrides { open: true, ..Overrides::default() };
    let config = match load(&source, &ProcessEnvironment, &kinds(), &overrides) {
        Ok(config) => config,
        Err(errors) => return super::complain(&errors),
    };
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&error),
    };
    let work = async {
        let directory = database::open(&config, None).await?;
        Ok::<_, Box<dyn std::error::Error>>(command(&directory, args.command, args.json).await?)
    };
    // Timers can be made within a runtime only.
    let done = runtime.block_on(async { tokio::time::timeout(PATIENCE, work).await });
    match done {
        Ok(Ok(())) => ExitCode::SUCCESS,
        Ok(Err(error)) => fail(&*error),
        Err(late) => fail(&late),
    }
}

async fn command(directory: &Directory, command: KeysCommand, json: bool) -> Result<(), DirectoryError> {
    let actor = Actor::cli(&user());
    let update = async |key: &KeyArgs, update: KeyUpdate| directory.update_key(&actor, &key.key, update).await;
    let changed = |key: VirtualKey, word: &str| show::changed(&key, word, json);
    match command {
        KeysCommand::Create(args) => {
            let issued = directory.create_key(&actor, args.into_new()?).await?;
            show::issued(&issued, "is made", json);
        }
        KeysCommand::List { within } => {
            let filter = KeyFilter { within, ..KeyFilter::default() };
            show::list(&all(directory, &filter).await?, json);
        }
        KeysCommand::Show(key) => show::key(&directory.find_key(&key.key).await?, json),
        KeysCommand::Rotate { key, grace } => {
            let issued = directory.rotate_key(&actor, &key.key, grace.get()).await?;
            show::issued(&issued, "has a new secret", json);
        }
        KeysCommand::Update { key, settings } => changed(update(&key, settings.into_update()).await?, "is changed"),
        KeysCommand::Disable(key) => changed(update(&key, KeyUpdate::disabled(true)).await?, "is disabled"),
        KeysCommand::Enable(key) => changed(update(&key, KeyUpdate::disabled(false)).await?, "is enabled"),
        KeysCommand::Expire { key, end, never } => {
            let end = if never { None } else { Some(end.time()?.unwrap_or_else(SystemTime::now)) };
            changed(update(&key, KeyUpdate::expires_at(end)).await?, "has another end");
        }
        KeysCommand::Delete(key) => {
            let found = directory.find_key(&key.key).await?;
            directory.delete_key(&actor, &found.id).await?;
            if json {
                show::json(&json!({ "deleted": found.id }));
            } else {
                show::told(&format!("The key {} is removed.", found.name));
            }
        }
    }
    Ok(())
}

async fn all(directory: &Directory, filter: &KeyFilter) -> Result<Vec<VirtualKey>, DirectoryError> {
    let (mut keys, mut page) = (Vec::new(), Page::first(Page::MAX));
    loop {
        let piece = directory.list_keys(filter, &page).await?;
        keys.extend(piece.items);
        page.after = piece.next;
        if page.after.is_none() {
            return Ok(keys);
        }
    }
}

/// Who is at the command line, for the audit log. Behind `sudo` that is not root.
fn user() -> String {
    let known = ["SUDO_USER", "USER", "LOGNAME"].iter().find_map(|name| ProcessEnvironment.get(name));
    known.filter(|user| !user.is_empty()).unwrap_or_else(|| "unknown".to_owned())
}

fn fail(error: &dyn std::error::Error) -> ExitCode {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(known) = cause {
        text.push_str(&format!(": {known}"));
        cause = known.source();
    }
    let _ = writeln!(std::io::stderr(), "{text}");
    ExitCode::FAILURE
}

fn tag(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("a tag is like team=search")?;
    Ok((name.to_owned(), value.to_owned()))
}

fn rule(text: &str) -> Result<Value, String> {
    if text == NONE {
        Ok(Value::Null)
    } else {
        serde_json::from_str(text).map_err(|error| format!("not JSON: {error}"))
    }
}

// === impl CreateArgs ===

impl CreateArgs {
    fn into_new(self) -> Result<NewKey, DirectoryError> {
        let settings = self.settings;
        Ok(NewKey {
            name: self.name,
            path: settings.path,
            tags: settings.tags.into_iter().collect(),
            models: settings.models,
            providers: settings.providers,
            protocols: settings.protocols,
            passthrough: settings.passthrough.unwrap_or(false),
            limits: settings.limits,
            budgets: settings.budgets,
            expires_at: self.end.time()?,
            disabled: self.disabled,
        })
    }
}

// === impl SettingsArgs ===

impl SettingsArgs {
    fn into_update(self) -> KeyUpdate {
        fn given<T: PartialEq>(list: Vec<T>, none: &T) -> Option<Vec<T>> {
            (!list.is_empty()).then(|| list.into_iter().filter(|item| item != none).collect())
        }
        let none = NONE.to_owned();
        KeyUpdate {
            path: self.path.map(|path| Some(path).filter(|path| path.as_str() != NONE)),
            tags: (!self.tags.is_empty()).then(|| self.tags.into_iter().collect()),
            models: given(self.models, &none),
            providers: given(self.providers, &none),
            protocols: given(self.protocols, &none),
            passthrough: self.passthrough,
            limits: given(self.limits, &Value::Null),
            budgets: given(self.budgets, &Value::Null),
            ..KeyUpdate::default()
        }
    }
}

// === impl EndArgs ===

impl EndArgs {
    fn time(&self) -> Result<Option<SystemTime>, DirectoryError> {
        let too_far = || DirectoryError::invalid("that is too far away");
        match (self.expires_in, self.expires_at) {
            (Some(span), _) => SystemTime::now().checked_add(span.get()).map(Some).ok_or_else(too_far),
            (None, Some(time)) => Ok(Some(time.into())),
            (None, None) => Ok(None),
        }
    }
}
