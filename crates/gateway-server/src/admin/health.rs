//! How the parts fare that requests rely on.

use serde::Serialize;
use tollgate_usage::LedgerState;

use super::rest::{Call, Failure, Json};

/// How this process fares.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(super) struct Health {
    status: Status,
    /// Whether it is stopping and wants no new requests.
    stopping: bool,
    version: &'static str,
    /// The providers by name.
    providers: Vec<String>,
    /// Where keys, rules and the audit log are kept; null if there is no database.
    directory: Option<DirectoryHealth>,
    /// The ledger of usage; null if it is in memory alone.
    ledger: Option<LedgerHealth>,
    /// The servers of Redis, Valkey and Qdrant that are configured.
    stores: Vec<StoreHealth>,
}

#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "HealthStatus"))]
#[serde(rename_all = "lowercase")]
enum Status {
    Ok,
    /// Something is away or full; requests may be answered nevertheless.
    Degraded,
}

#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
struct DirectoryHealth {
    /// Whether its database answers.
    reachable: bool,
    /// The revision that requests know of.
    revision: u64,
}

/// A server that requests rely on as little as can be: without it answers are asked for anew, and limits count for each
/// process, unless they say otherwise.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
struct StoreHealth {
    /// What is kept in it: `answers`, `vectors` or `limits`.
    keeps: &'static str,
    /// Whether it answers.
    reachable: bool,
}

#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
struct LedgerHealth {
    /// Whether its database takes records.
    reachable: bool,
    /// Records taken since the start.
    recorded: u64,
    /// Records that the database has taken since the start, those of earlier processes included.
    stored: u64,
    /// Records that were given up because there was no room for them.
    dropped: u64,
    /// Bytes of records on the disk, some of which the database has already.
    spooled_bytes: u64,
    /// Whether the disk takes no records.
    disk_is_full: bool,
}

/// `GET health`
pub(super) async fn get(call: Call) -> Result<Json<Health>, Failure> {
    let gateway = &call.gateway;
    let directory = match gateway.managed.directory() {
        None => None,
        Some(directory) => {
            let reachable = directory.revision().await.is_ok();
            let revision = gateway.managed.subscribe().borrow().revision;
            Some(DirectoryHealth { reachable, revision })
        }
    };
    let ledger = gateway.accounts.state().map(LedgerHealth::from);
    let generation = gateway.current().clone();
    let (caches, limits) =
        tokio::join!(gateway.caches.servers(&generation.config.cache), gateway.limits().is_reachable());
    let servers = caches.into_iter().chain(limits.map(|reachable| ("limits", reachable)));
    let stores: Vec<StoreHealth> = servers.map(|(keeps, reachable)| StoreHealth { keeps, reachable }).collect();
    let is_ok = directory.as_ref().is_none_or(|directory| directory.reachable)
        && ledger.as_ref().is_none_or(|ledger| ledger.reachable && !ledger.disk_is_full)
        && stores.iter().all(|store| store.reachable);
    Ok(Json(Health {
        status: if is_ok { Status::Ok } else { Status::Degraded },
        stopping: gateway.is_draining(),
        version: env!("CARGO_PKG_VERSION"),
        providers: generation.registry.names().map(str::to_owned).collect(),
        directory,
        ledger,
        stores,
    }))
}

impl From<LedgerState> for LedgerHealth {
    fn from(state: LedgerState) -> Self {
        Self {
            reachable: !state.store_is_away,
            recorded: state.recorded,
            stored: state.stored,
            dropped: state.dropped,
            spooled_bytes: state.spooled_bytes,
            disk_is_full: state.disk_is_full,
        }
    }
}
