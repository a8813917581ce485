//! `config.json` of a model: the shape of a BERT encoder.

use serde::Deserialize;

use crate::OpenError;

/// The numbers that say how large an encoder is.
#[derive(Clone, Debug, Deserialize, PartialEq)]
pub(crate) struct Config {
    #[serde(rename = "hidden_size")]
    pub(crate) hidden: usize,
    #[serde(rename = "num_hidden_layers")]
    pub(crate) layers: usize,
    #[serde(rename = "num_attention_heads")]
    pub(crate) heads: usize,
    #[serde(rename = "intermediate_size")]
    pub(crate) intermediate: usize,
    #[serde(rename = "vocab_size")]
    pub(crate) vocabulary: usize,
    #[serde(rename = "max_position_embeddings")]
    pub(crate) positions: usize,
    #[serde(rename = "layer_norm_eps")]
    pub(crate) epsilon: f32,
    #[serde(rename = "hidden_act")]
    activation: String,
    #[serde(default = "absolute")]
    position_embedding_type: String,
}

/// The width of an attention head; the only one that there is code for.
pub(crate) const HEAD: usize = 32;

/// Larger than any model that could be meant; more would only be a broken file.
const LARGEST: usize = 1 << 20;

fn absolute() -> String {
    "absolute".to_owned()
}

// === impl Config ===

impl Config {
    /// Reads and checks the text of a `config.json`.
    pub(super) fn parse(text: &str) -> Result<Self, OpenError> {
        let config: Self = serde_json::from_str(text).map_err(|error| OpenError::unsupported(error.to_string()))?;
        match config.unsupported() {
            Some(problem) => Err(OpenError::unsupported(problem)),
            None => Ok(config),
        }
    }

    fn unsupported(&self) -> Option<String> {
        let sizes = [self.hidden, self.layers, self.heads, self.intermediate, self.vocabulary, self.positions];
        if sizes.iter().any(|size| !(1..=LARGEST).contains(size)) || !self.epsilon.is_finite() {
            return Some("a size is zero or out of all proportion".to_owned());
        }
        if self.activation != "gelu" {
            return Some(format!("the activation is `{}`, not `gelu`", self.activation));
        }
        if self.position_embedding_type != "absolute" {
            return Some(format!("positions are `{}`, not `absolute`", self.position_embedding_type));
        }
        if self.positions < 2 {
            return Some("there are no positions for start and end".to_owned());
        }
        if self.heads * HEAD != self.hidden {
            return Some(format!("{} heads of {HEAD} do not make a width of {}", self.heads, self.hidden));
        }
        (!self.intermediate.is_multiple_of(32)).then(|| "the intermediate width is no multiple of 32".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: &str = r#"{"hidden_size": 64, "num_hidden_layers": 1, "num_attention_heads": 2,
        "intermediate_size": 128, "vocab_size": 10, "max_position_embeddings": 16, "layer_norm_eps": 1e-12,
        "hidden_act": "gelu", "more": 1}"#;

    #[test]
    fn a_model_of_this_kind_is_taken() {
        let config = Config::parse(SMALL).unwrap();
        assert_eq!((config.hidden, config.heads, config.positions), (64, 2, 16));
    }

    #[test]
    fn what_there_is_no_code_for_is_refused() {
        let wrong = [
            ("\"gelu\"", "\"relu\"", "`relu`"),
            ("\"num_attention_heads\": 2", "\"num_attention_heads\": 4", "heads"),
            ("128", "100", "multiple of 32"),
            ("\"num_hidden_layers\": 1", "\"num_hidden_layers\": 0", "proportion"),
            ("\"more\": 1", "\"position_embedding_type\": \"relative_key\"", "`relative_key`"),
            ("\"hidden_size\": 64,", "", "hidden_size"),
            ("\"max_position_embeddings\": 16", "\"max_position_embeddings\": 1", "positions"),
        ];
        for (from, to, expect) in wrong {
            let error = Config::parse(&SMALL.replace(from, to)).unwrap_err().to_string();
            assert!(error.contains(expect), "{error} for {to}");
        }
    }
}
