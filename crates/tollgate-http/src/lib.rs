//! The front doors: HTTP requests of every protocol's clients become [`Request`](tollgate_core::Request)s, answers and
//! errors become what those clients expect.
//!
//! [`FrontDoors`] is a tower service of `http::Request` to `http::Response` over any inner service of the domain's requests,
//! so it mounts into hyper, axum or anything else that speaks `http`. Doors:
//!
//! | Door | Operation |
//! |---|---|
//! | `POST /v1/chat/completions` | Chat Completions |
//! | `POST /v1/completions` | legacy completions |
//! | `POST /v1/embeddings` | embeddings |
//! | `POST /v1/responses` | Responses |
//! | `GET`, `DELETE /v1/responses/{id}`, `…/cancel`, `…/input_items` | responses that are kept |
//! | `POST /v1/messages` | Anthropic Messages |
//! | `POST /{v1,v1beta}/models/{model}:generateContent`, `:streamGenerateContent` | Gemini |
//! | `POST /{v1,v1beta}/models/{model}:embedContent`, `:batchEmbedContents`, `POST /api/embed` | embeddings |
//! | `POST /api/chat` | Ollama |
//! | `POST /v1/messages/count_tokens`, `/v1/responses/input_tokens`, `…/models/{model}:countTokens` | how many tokens |
//! | `POST /v1/responses/compact`, `/v1/rerank`, `/v1/moderations`, `/v1/images/…`, `/v1/audio/…` | forwarded by their model |
//! | `GET /v1/models`, `GET /v1/models/{id}`, `/v1beta/models`, `/api/tags` | the models of all providers |
//! | any method, `/p/{provider}/…` | whatever the provider offers, forwarded as it is |
//!
//! ```
//! use tollgate_core::{Error, Request, Response};
//! use tollgate_http::FrontDoors;
//! use tower::{ServiceExt, service_fn};
//!
//! # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
//! let stack = service_fn(|request: Request| async move {
//!     let model = request.head.model_name().unwrap_or_default().to_owned();
//!     Ok::<_, Error>(Response::new(format!("{{\"model\":\"{model}\"}}").into()))
//! });
//! let doors = FrontDoors::new(stack);
//! let request = http::Request::post("/v1/chat/completions")
//!     .body(http_body_util::Full::from(r#"{"model":"m","messages":[]}"#))
//!     .unwrap();
//! let response = doors.oneshot(request).await.unwrap();
//! assert_eq!(response.body().as_whole().unwrap(), r#"{"model":"m"}"#);
//! # });
//! ```

mod auth;
mod directives;
mod doors;
mod errors;
mod headers;
mod in_band;
mod intake;
mod json_array;
mod known;
mod models;
mod multipart;
mod rate_limits;
mod receive;
mod reply;
mod request_id;
mod routes;
mod spare;

pub use auth::{Authenticate, OneKey, Open, credential};
pub use doors::FrontDoors;
pub use intake::DoorLimits;
pub use known::{KnownBodies, KnownBody, NoBodies};
pub use models::{ListModels, NoModels};
pub use reply::error_response;
pub use request_id::request_id;
