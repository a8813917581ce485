//! The providers of a gateway, and which of them a model's name means.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tollgate_core::{BoxFuture, Error, ErrorKind, Operation, Request, Route, Target};

use crate::Provider;
use crate::catalogue::Catalogue;

/// How long a chain of aliases may be; configuration refuses circles, this is for those who build a registry themselves.
const MAX_ALIAS_CHAIN: usize = 8;

/// A fixed set of providers and aliases. A changed configuration makes a new registry; requests in flight keep theirs.
///
/// A model's name is looked up in this order: alias; `provider/model`; the bare id of a model that a provider lists, the
/// first provider in the order of registration winning. With a single provider every other name is that provider's to
/// judge.
pub struct Registry {
    providers: Vec<Arc<dyn Provider>>,
    aliases: HashMap<String, String>,
    catalogue: Catalogue,
}

/// Builds a [`Registry`].
pub struct RegistryBuilder {
    providers: Vec<Arc<dyn Provider>>,
    aliases: HashMap<String, String>,
    cache_ttl: Duration,
    timeout: Duration,
}

impl Registry {
    /// An empty registry to add to.
    #[must_use]
    pub fn builder() -> RegistryBuilder {
        RegistryBuilder {
            providers: Vec::new(),
            aliases: HashMap::new(),
            cache_ttl: Duration::from_secs(300),
            timeout: Duration::from_secs(5),
        }
    }

    /// The names of the providers in order of registration.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.providers.iter().map(|provider| &**provider.name())
    }

    /// A provider by its name.
    #[must_use]
    pub fn provider(&self, name: &str) -> Option<&Arc<dyn Provider>> {
        self.providers.iter().find(|provider| &**provider.name() == name)
    }

    /// The provider that keeps Responses, if exactly one does.
    pub(crate) fn only_keeper(&self) -> Option<Arc<str>> {
        let mut keepers = self.providers.iter().filter(|provider| provider.keeps_responses());
        let only = keepers.next()?;
        keepers.next().is_none().then(|| only.name().clone())
    }

    /// Asks the providers for their models where that is due.
    pub async fn refresh_models(&self) {
        self.catalogue.refresh(&self.providers).await;
    }

    /// The models of all providers as OpenAI lists them: aliases, then each provider's models by their bare id. A model
    /// whose bare id means another provider's is listed as `provider/id`.
    pub async fn list_models(&self) -> Vec<Value> {
        self.refresh_models().await;
        let mut listed: HashMap<String, ()> = HashMap::new();
        let mut models = Vec::new();
        let mut aliases: Vec<_> = self.aliases.iter().collect();
        aliases.sort();
        for (alias, target) in aliases {
            listed.insert(alias.clone(), ());
            models.push(
                json!({ "id": alias, "object": "model", "created": 0, "owned_by": "tollgate", "alias_of": target }),
            );
        }
        for provider in &self.providers {
            for model in self.catalogue.models(provider.name()) {
                let qualified = format!("{}/{}", provider.name(), model.id);
                let id = if listed.contains_key(&model.id) { qualified } else { model.id.clone() };
                listed.insert(id.clone(), ());
                models.push(describe(&id, provider.name(), model.details));
            }
        }
        models
    }

    /// One model as OpenAI describes it, by any of its names.
    ///
    /// # Errors
    /// If no provider has it.
    pub async fn describe_model(&self, name: &str) -> Result<Value, Error> {
        self.refresh_models().await;
        let target = self.resolve(name).await?;
        let known = self.catalogue.models(&target.provider).into_iter().find(|model| *model.id == *target.model);
        match known {
            Some(model) => Ok(describe(name, &target.provider, model.details)),
            None => Err(unknown_model(name)),
        }
    }

    /// Where a model's name leads.
    ///
    /// # Errors
    /// [`ErrorKind::ModelNotFound`] if there is none of that name.
    pub async fn resolve(&self, name: &str) -> Result<Target, Error> {
        if let Some(target) = self.resolve_now(name) {
            return Ok(target);
        }
        self.refresh_models().await;
        let name = self.resolve_alias(name);
        self.known(name).ok_or_else(|| self.unresolved(name))
    }

    /// The same by what is known already.
    fn resolve_now(&self, name: &str) -> Option<Target> {
        let name = self.resolve_alias(name);
        if let Some((provider, model)) = name.split_once('/')
            && let Some(provider) = self.provider(provider)
        {
            return Some(Target::new(provider.name().clone(), model));
        }
        if let [only] = &self.providers[..] {
            return Some(Target::new(only.name().clone(), name));
        }
        self.known(name)
    }

    /// Where a request goes, as far as that is known already.
    fn find_now(&self, request: &Request) -> Result<Option<Target>, Error> {
        if let Some(passthrough) = request.passthrough.as_ref().filter(|passthrough| !passthrough.provider.is_empty()) {
            return self.named(&passthrough.provider, request.head.model_name()).map(Some);
        }
        match request.head.model_name() {
            Some(name) if !name.is_empty() => Ok(self.resolve_now(name)),
            _ => Err(Error::invalid_request("You must provide a model parameter.", Some("model"))),
        }
    }

    /// A target, if it does what a request asks for.
    fn able(&self, request: &Request, target: Target) -> Result<Target, Error> {
        match self.provider(&target.provider) {
            Some(provider) if provider.wire(request.operation, request.protocol, &target.model).is_none() => {
                Err(unsupported(&**provider, request.operation))
            }
            _ => Ok(target),
        }
    }

    fn named(&self, provider: &str, model: Option<&str>) -> Result<Target, Error> {
        match self.provider(provider) {
            Some(provider) => Ok(Target::new(provider.name().clone(), model.unwrap_or_default())),
            None => Err(Error::new(ErrorKind::NotFound, format!("There is no provider `{provider}` here."))),
        }
    }

    fn resolve_alias<'a>(&'a self, name: &'a str) -> &'a str {
        let mut name = name;
        for _ in 0..MAX_ALIAS_CHAIN {
            match self.aliases.get(name) {
                Some(target) => name = target,
                None => break,
            }
        }
        name
    }

    fn known(&self, model: &str) -> Option<Target> {
        let provider = self.providers.iter().find(|provider| self.catalogue.has(provider.name(), model))?;
        Some(Target::new(provider.name().clone(), model))
    }

    /// Nobody lists the model; but if somebody could not be asked, it may be theirs.
    fn unresolved(&self, name: &str) -> Error {
        match self.providers.iter().find(|provider| !self.catalogue.has_answered(provider.name())) {
            None => unknown_model(name),
            Some(silent) => {
                let message = format!(
                    "No provider is known to have the model `{name}`, and `{0}` cannot be asked for its models now. \
                     Name the model as `{0}/{name}` if it is there.",
                    silent.name()
                );
                Error::new(ErrorKind::UpstreamUnreachable, message).with_provider(silent.name().clone())
            }
        }
    }
}

fn unknown_model(name: &str) -> Error {
    let message = format!("The model `{name}` does not exist here. GET /v1/models lists the models of all providers.");
    Error::new(ErrorKind::ModelNotFound, message).with_param("model")
}

fn describe(id: &str, provider: &str, details: serde_json::Map<String, Value>) -> Value {
    let mut object = details;
    object.insert("id".to_owned(), id.into());
    object.entry("object").or_insert_with(|| "model".into());
    object.entry("created").or_insert_with(|| 0.into());
    object.entry("owned_by").or_insert_with(|| provider.into());
    object.insert("provider".to_owned(), provider.into());
    Value::Object(object)
}

impl Route for Registry {
    fn route<'a>(&'a self, request: &'a Request) -> BoxFuture<'a, Result<Target, Error>> {
        Box::pin(async move {
            let target = match self.find_now(request)? {
                Some(target) => target,
                None => self.resolve(request.head.model_name().unwrap_or_default()).await?,
            };
            self.able(request, target)
        })
    }

    fn route_now(&self, request: &Request) -> Option<Result<Target, Error>> {
        let target = self.find_now(request).transpose()?;
        Some(target.and_then(|target| self.able(request, target)))
    }
}

/// Told before a provider is asked, so that it counts as no attempt.
fn unsupported(provider: &dyn Provider, operation: Operation) -> Error {
    let name = provider.name();
    let message = if operation == Operation::Passthrough {
        format!("The provider `{name}` has no API of its own to pass requests on to.")
    } else {
        format!(
            "The provider `{name}` does not speak the protocol of `{operation}`; choose another model, or use the \
             provider's own API below /p/{name}/."
        )
    };
    Error::new(ErrorKind::UnsupportedOperation, message).with_provider(name.clone())
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registry")
            .field("providers", &self.names().collect::<Vec<_>>())
            .field("aliases", &self.aliases)
            .finish_non_exhaustive()
    }
}

// === impl RegistryBuilder ===

impl RegistryBuilder {
    /// Adds a provider. One of the same name takes the place of the earlier one.
    #[must_use]
    pub fn provider(mut self, provider: Arc<dyn Provider>) -> Self {
        match self.providers.iter_mut().find(|known| known.name() == provider.name()) {
            Some(known) => *known = provider,
            None => self.providers.push(provider),
        }
        self
    }

    /// Lets `alias` stand for another name.
    #[must_use]
    pub fn alias(mut self, alias: impl Into<String>, target: impl Into<String>) -> Self {
        self.aliases.insert(alias.into(), target.into());
        self
    }

    /// Sets for how long a provider's list of models is believed. Defaults to 5 minutes.
    #[must_use]
    pub fn models_cache_ttl(mut self, ttl: Duration) -> Self {
        self.cache_ttl = ttl;
        self
    }

    /// Sets how long a provider may take to list its models. Defaults to 5 seconds.
    #[must_use]
    pub fn models_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// The registry.
    #[must_use]
    pub fn build(self) -> Registry {
        Registry {
            providers: self.providers,
            aliases: self.aliases,
            catalogue: Catalogue::new(self.cache_ttl, self.timeout),
        }
    }
}

impl fmt::Debug for RegistryBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RegistryBuilder").field("aliases", &self.aliases).finish_non_exhaustive()
    }
}
