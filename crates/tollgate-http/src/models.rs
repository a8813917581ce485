//! The door to the list of models.

use bytes::Bytes;
use tollgate_core::{BoxFuture, Error, ErrorKind};

/// Knows the models.
pub trait ListModels: Send + Sync {
    /// All models, as the JSON of OpenAI's list.
    fn list(&self) -> BoxFuture<'_, Result<Bytes, Error>>;

    /// One model by any of its names, as JSON.
    ///
    /// # Errors
    /// [`ErrorKind::ModelNotFound`] if there is none.
    fn describe<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Bytes, Error>>;
}

/// An empty list.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoModels;

impl ListModels for NoModels {
    fn list(&self) -> BoxFuture<'_, Result<Bytes, Error>> {
        Box::pin(std::future::ready(Ok(Bytes::from_static(br#"{"object":"list","data":[]}"#))))
    }

    fn describe<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Bytes, Error>> {
        let message = format!("The model `{name}` does not exist here.");
        Box::pin(std::future::ready(Err(Error::new(ErrorKind::ModelNotFound, message).with_param("model"))))
    }
}
