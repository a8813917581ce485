//! Another configuration for the running server.

use serde::Serialize;

use super::rest::{Call, Failure, Json, Kind};
use crate::gateway::Reloaded;

/// What a reload did.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(super) struct Reload {
    status: Status,
    /// The settings that are different and keep their old value until a restart.
    needs_restart: Vec<&'static str>,
}

#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "ReloadStatus"))]
#[serde(rename_all = "lowercase")]
enum Status {
    /// Nothing was different.
    Unchanged,
    /// The new configuration is in use.
    Reloaded,
}

/// `POST reload`
pub(super) async fn reload(call: Call) -> Result<Json<Reload>, Failure> {
    match call.gateway.reload_by(&call.actor) {
        Ok(Reloaded::Unchanged) => Ok(Json(Reload { status: Status::Unchanged, needs_restart: Vec::new() })),
        Ok(Reloaded::Changed { needs_restart }) => {
            tracing::info!(?needs_restart, "configuration reloaded");
            Ok(Json(Reload { status: Status::Reloaded, needs_restart }))
        }
        Err(errors) => {
            tracing::error!("the configuration is not valid and was not loaded:\n{errors}");
            let errors = errors.iter().map(ToString::to_string).collect();
            let message = "The configuration is not valid; the one in use stays.";
            Err(Failure::new(Kind::Unprocessable, message).with_details(errors))
        }
    }
}
