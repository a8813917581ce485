//! From a source to a checked configuration.

use super::check::{Check, aliases, ledger, listen, prices, providers, sections};
use super::environment::Variables;
use super::error::ConfigErrors;
use super::resolved::{Config, KindInfo, Overrides};
use super::source::Source;
use super::types::ConfigFile;

/// Loads, resolves and checks a configuration.
///
/// `kinds` are the kinds of providers that the caller can build, in the order in which discovered providers are to
/// stand. The kind `demo` is always known. Nothing is kept between calls, so a reload is a second call.
pub fn load(
    source: &Source,
    variables: &dyn Variables,
    kinds: &[KindInfo<'_>],
    overrides: &Overrides,
) -> Result<Config, ConfigErrors> {
    let document = source.document()?;
    let file: ConfigFile = document.read(variables)?;
    let mut check = Check::new(&document, source.path(), variables, kinds);

    sections::check(&mut check, &file);
    aliases::check(&mut check, &file.aliases);
    let base_path = listen::base_path(&mut check, &file.base_path);
    let client_key = listen::client_key(&mut check, file.client_key);
    let admin_key = listen::admin_key(&mut check, file.admin_key);
    let open = file.open || overrides.open;
    let protected = open || client_key.is_some() || file.keys.required || overrides.has_keys;
    let listen = listen::address(&mut check, &file.listen, overrides.listen.as_deref(), protected);
    let discover = file.discover_providers.unwrap_or(file.providers.is_none());
    let providers = providers::resolve(&mut check, &file.providers.unwrap_or_default(), discover, file.timeouts);
    let data = ledger::data(&check, file.data.as_deref());
    let prices = prices::resolve(&mut check, &file.prices, &providers);
    let (errors, key_files) = check.finish();

    ConfigErrors::check(errors)?;
    Ok(Config {
        listen,
        base_path,
        open,
        client_key,
        admin_key,
        providers,
        aliases: file.aliases.iter().map(|(alias, target)| (alias.to_owned(), target.clone())).collect(),
        prices,
        timeouts: file.timeouts,
        retry: file.retry,
        limits: file.limits,
        rate_limits: file.rate_limits,
        budgets: file.budgets,
        quota: file.quota,
        cache: file.cache,
        data,
        keys: file.keys,
        capture: file.capture,
        shutdown: file.shutdown,
        cors: file.cors,
        models: file.models,
        log: file.log,
        usage: file.usage,
        ledger: file.ledger,
        key_files,
    })
}
