//! One portable table for each of `migrations/`: only Text, BigInt and Binary.
//!
//! Kept by hand; the contract suite would fail on a column that differs.

diesel::table! {
    change_number (id) {
        id -> BigInt,
        number -> BigInt,
    }
}

diesel::table! {
    changes (number, position) {
        number -> BigInt,
        position -> BigInt,
        kind -> Text,
        key -> Text,
        at -> BigInt,
    }
}

diesel::table! {
    meta (key) {
        key -> Text,
        value -> Text,
        mac -> Binary,
    }
}

diesel::table! {
    keyring (id) {
        id -> BigInt,
        wrapped -> Binary,
        changed_at -> BigInt,
    }
}

diesel::table! {
    wrapping_keys (id) {
        id -> Text,
        wrapped -> Binary,
        seals -> BigInt,
        made_at -> BigInt,
    }
}

diesel::table! {
    certificates (role, made_at) {
        role -> Text,
        made_at -> BigInt,
        pem -> Text,
        sealed_key -> Binary,
        expires_at -> BigInt,
    }
}

diesel::table! {
    operators (id) {
        id -> Text,
        name -> Text,
        role -> Text,
        token_hash -> Binary,
        expires_at -> BigInt,
        created_at -> BigInt,
        rotated_at -> BigInt,
        mac -> Binary,
    }
}

diesel::table! {
    issuers (id) {
        id -> Text,
        body -> Text,
        changed_at -> BigInt,
        changed_by -> Text,
        mac -> Binary,
    }
}

diesel::table! {
    issuer_keys (issuer) {
        issuer -> Text,
        source -> Text,
        key_set -> Text,
        fetched_at -> BigInt,
        mac -> Binary,
    }
}

diesel::table! {
    policies (name) {
        name -> Text,
        issuer -> Text,
        body -> Text,
        changed_at -> BigInt,
        changed_by -> Text,
        mac -> Binary,
    }
}

diesel::table! {
    secrets (path) {
        path -> Text,
        folded -> Text,
        version -> BigInt,
        last_version -> BigInt,
        owner -> Nullable<Text>,
        tags -> Text,
        max_age -> Nullable<BigInt>,
        expires_at -> Nullable<BigInt>,
        created_at -> BigInt,
        changed_at -> BigInt,
        changed_by -> Text,
    }
}

diesel::table! {
    secret_versions (path, version) {
        path -> Text,
        version -> BigInt,
        ciphertext -> Binary,
        wrapped_key -> Binary,
        wrapping_key -> Text,
        created_at -> BigInt,
        created_by -> Text,
    }
}

diesel::table! {
    sessions (id) {
        id -> Text,
        issuer -> Text,
        subject -> Text,
        workload -> Text,
        policies -> Text,
        opened_at -> BigInt,
        expires_at -> BigInt,
        ended_at -> Nullable<BigInt>,
        request_key -> Nullable<Binary>,
        request_digest -> Nullable<Binary>,
        answer -> Nullable<Text>,
    }
}

diesel::table! {
    spent_tokens (issuer, token_key) {
        issuer -> Text,
        token_key -> Binary,
        session -> Text,
        keep_until -> BigInt,
    }
}

diesel::table! {
    chains (id) {
        id -> Text,
        number -> BigInt,
        started_at -> BigInt,
        previous_seq -> BigInt,
        previous_hash -> Binary,
        register_hash -> Binary,
        head_seq -> BigInt,
        head_hash -> Binary,
        head_mac -> Binary,
        commits -> BigInt,
    }
}

diesel::table! {
    ledger (chain, seq) {
        chain -> Text,
        seq -> BigInt,
        encoding -> BigInt,
        at -> BigInt,
        event -> Text,
        outcome -> Text,
        issuer -> Nullable<Text>,
        subject -> Nullable<Text>,
        operator -> Nullable<Text>,
        session -> Nullable<Text>,
        request -> Nullable<Text>,
        denial -> Nullable<Text>,
        code -> Nullable<Text>,
        client -> Nullable<Text>,
        body -> Nullable<Text>,
        body_digest -> Binary,
        hash -> Binary,
    }
}

diesel::table! {
    ledger_paths (chain, seq, position) {
        chain -> Text,
        seq -> BigInt,
        position -> BigInt,
        path -> Text,
        version -> BigInt,
    }
}

diesel::table! {
    tallies (chain, minute, issuer, code, network) {
        chain -> Text,
        minute -> BigInt,
        issuer -> Text,
        code -> Text,
        network -> Text,
        count -> BigInt,
    }
}

diesel::joinable!(secret_versions -> secrets (path));
diesel::allow_tables_to_appear_in_same_query!(secret_versions, secrets);
diesel::allow_tables_to_appear_in_same_query!(sessions, spent_tokens);
diesel::allow_tables_to_appear_in_same_query!(chains, ledger, ledger_paths);
