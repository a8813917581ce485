//! The caches.

use super::sections::zeros;
use super::{Check, keys, url};
use crate::config::types::{Cache, CacheModeName, Semantic, SemanticPolicy, VectorStore};

pub(super) fn check(check: &mut Check<'_>, cache: &Cache) {
    zeros(
        check,
        &[
            ("cache.ttl", cache.ttl.is_zero()),
            ("cache.max_ttl", cache.max_ttl.is_zero()),
            ("cache.max_entry", cache.max_entry.get() == 0),
            ("cache.memory", cache.memory.get() == 0),
        ],
        "nothing would be kept",
        "to turn the cache off, write mode: off",
    );
    if cache.max_ttl < cache.ttl {
        check.wrong("cache.max_ttl", "must not be shorter than ttl", "raise max_ttl or lower ttl");
    }
    if cache.max_entry > cache.memory {
        check.wrong("cache.max_entry", "must not be larger than memory", "raise memory or lower max_entry");
    }
    if !(1..=10).contains(&cache.variants) {
        check.wrong("cache.variants", "must be from 1 to 10", "write 1 to keep one answer for each request");
    }
    if let Some(redis) = &cache.redis {
        match &redis.url {
            None => check.wrong("cache.redis.url", "a server needs an address", "write url: redis://host:6379"),
            Some(url) if tollgate_cache::redis::RedisClient::builder(url.0.clone()).build().is_err() => {
                check.wrong(
                    "cache.redis.url",
                    "not an address of Redis",
                    "write redis://user:password@host:port/database",
                );
            }
            Some(_) => {}
        }
    }
    match &cache.semantic {
        Some(semantic) => section(check, semantic, cache.redis.is_some()),
        None if cache.mode == Some(CacheModeName::Semantic) => {
            let hint = "add cache.semantic; `semantic: {}` takes the defaults";
            check.wrong("cache.mode", "nothing is configured that finds rephrased requests", hint);
        }
        None => {}
    }
}

fn section(check: &mut Check<'_>, semantic: &Semantic, has_redis: bool) {
    if !(0.0005..=0.2).contains(&semantic.max_error_rate) {
        check.wrong(
            "cache.semantic.max_error_rate",
            "must be from 0.0005 to 0.2",
            "write 0.01 for one in a hundred requests",
        );
    }
    if !(0.0..=0.3).contains(&semantic.shadow_rate) {
        check.wrong("cache.semantic.shadow_rate", "must be from 0 to 0.3", "write 0.01 for one in a hundred requests");
    }
    if semantic.policy == SemanticPolicy::Threshold && !(0.5..=1.0).contains(&semantic.threshold) {
        check.wrong("cache.semantic.threshold", "must be from 0.5 to 1", "write a cosine similarity such as 0.95");
    }
    zeros(
        check,
        &[
            ("cache.semantic.memory", semantic.memory.get() == 0),
            ("cache.semantic.embed_timeout", semantic.embed_timeout.is_zero()),
            ("cache.semantic.search_timeout", semantic.search_timeout.is_zero()),
        ],
        "nothing would ever be found",
        "leave it out for the default",
    );
    match semantic.vectors {
        VectorStore::Redis if !has_redis => {
            check.wrong("cache.semantic.vectors", "there is no server of Redis", "add cache.redis with its url");
        }
        VectorStore::Qdrant if semantic.qdrant.is_none() => {
            check.wrong(
                "cache.semantic.vectors",
                "there is no server of Qdrant",
                "add cache.semantic.qdrant with its url",
            );
        }
        _ => {}
    }
    if let Some(qdrant) = &semantic.qdrant {
        if let Err(problem) = url::base_url(&qdrant.url) {
            check.wrong("cache.semantic.qdrant.url", problem, "write an address such as http://localhost:6333");
        }
        if let Some(problem) = qdrant.api_key.as_ref().and_then(|key| keys::problem(&key.0)) {
            check.wrong("cache.semantic.qdrant.api_key", problem, "take the key as Qdrant has it");
        }
    }
}
