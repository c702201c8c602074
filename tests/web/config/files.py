"""Web configuration files, good and bad."""

from __future__ import annotations

HASH = "$2b$04$StL05errqQDQ7RT3/wBrqOI4z/IVAKZyn9JSmItt8fVxQDd11HEGG"
"""The hash of `secret`, at the lowest cost that there is."""

_TLS = "tls_server_config: {{cert_file: server.pem, key_file: server.key, {}}}"
_CA = "client_ca_file: authority.pem"


def tls(more: str = "") -> str:
    """Return a configuration with a certificate, and with more keys in the same section."""
    return _TLS.format(more)


GOOD = (
    "",
    "# nothing but a comment",
    "tls_server_config:",
    "tls_server_config: {}",
    "tls_server_config: {min_version: TLS13}",
    "tls_server_config: {cipher_suites: [TLS_AES_128_GCM_SHA256]}",
    tls(),
    '{"tls_server_config": {"cert_file": "server.pem", "key_file": "server.key"}}',
    tls("min_version: TLS10"),
    tls("min_version: TLS11, max_version: TLS12"),
    tls("min_version: TLS12, max_version: TLS12"),
    tls("min_version: TLS13, max_version: TLS13"),
    tls("min_version: ~"),
    tls("cipher_suites: []"),
    tls("cipher_suites: [TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256]"),
    tls("cipher_suites: [TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256, TLS_AES_256_GCM_SHA384]"),
    tls("cipher_suites: [TLS_RSA_WITH_AES_256_CBC_SHA]"),
    tls("cipher_suites: [TLS_CHACHA20_POLY1305_SHA256]"),
    tls("curve_preferences: [X25519]"),
    tls("curve_preferences: [CurveP521, CurveP384, CurveP256]"),
    tls("prefer_server_cipher_suites: false"),
    tls("prefer_server_cipher_suites: yes"),
    tls("client_auth_type: NoClientCert"),
    tls('client_auth_type: ""'),
    tls(f"client_auth_type: VerifyClientCertIfGiven, {_CA}"),
    tls(f"client_auth_type: RequireAndVerifyClientCert, {_CA}"),
    tls("client_auth_type: RequireAndVerifyClientCert"),
    "http_server_config:",
    "http_server_config: {http2: true}",
    "http_server_config: {http2: False}",
    "http_server_config: {http2: on}",
    "http_server_config: {headers: }",
    "http_server_config: {headers: {X-Frame-Options: deny}}",
    "http_server_config: {headers: {X-Frame-Options: sameorigin, X-Content-Type-Options: nosniff}}",
    "http_server_config: {headers: {X-XSS-Protection: 0}}",
    "http_server_config: {headers: {Strict-Transport-Security: max-age=31536000}}",
    "http_server_config: {headers: {Strict-Transport-Security: }}",
    'http_server_config: {headers: {Content-Security-Policy: ""}}',
    "http_server_config:\n  headers:\n    Content-Security-Policy: >\n      default-src\n      *\n",
    "basic_auth_users:",
    "basic_auth_users: {}",
    f"basic_auth_users: {{alice: {HASH}, 7: {HASH}}}",
    f'basic_auth_users: {{"zoë": {HASH}}}',
    "basic_auth_users: {a: $2y$10$QOauhQNbBCuQDKes6eFzPeMqBSjb7Mr5DUmpZ/VcEd00UAV/LDeSi}",
    "basic_auth_users: {a: $2a$31$QOauhQNbBCuQDKes6eFzPeMqBSjb7Mr5DUmpZ/VcEd00UAV/LDeSi}",
    f"{tls()}\nhttp_server_config: {{http2: true}}\nbasic_auth_users: {{alice: {HASH}}}",
)
"""What promtool takes as well."""

BAD = (
    ("foo: 1", 'unknown key "foo" (line 1); the nearest known one is '),
    (
        "\nhttp_server_config:\n  http3: true",
        (
            'unknown key "http_server_config.http3" (line 3); the nearest known one is '
            "http_server_config.http2"
        ),
    ),
    (
        "tls_server_config: {cert_fle: server.pem}",
        (
            'unknown key "tls_server_config.cert_fle" (line 1); the nearest known one is '
            "tls_server_config.cert_file"
        ),
    ),
    ("TLS_server_config: {}", "the nearest known one is tls_server_config"),
    ("[a]", "the file is not a mapping of keys to values (line 1)"),
    ("a", "the file is not a mapping of keys to values (line 1)"),
    ("{", "is not YAML (while parsing a flow node"),
    ("a: b: c", "is not YAML (mapping values are not allowed here, line 1)"),
    ("tls_server_config: 3", "tls_server_config is not a mapping of keys to values (line 1)"),
    ("tls_server_config: {}\ntls_server_config: {}", '"tls_server_config" stands there twice'),
    (tls("key_file: a"), '"tls_server_config.key_file" stands there twice (line 1)'),
    ("tls_server_config: {cert_file: server.pem}", "missing one of key or key_file (line 1)"),
    ("\ntls_server_config: {key_file: server.key}", "missing one of cert or cert_file (line 2)"),
    ("tls_server_config: {client_auth_type: NoClientCert}", "missing one of cert or cert_file"),
    (f"tls_server_config: {{{_CA}}}", "missing one of cert or cert_file"),
    ("tls_server_config: {cert_file: [a], key_file: b}", "cert_file: a text is missing (line 1)"),
    (
        "tls_server_config: {cert_file: nowhere.pem, key_file: server.key}",
        'failed to read cert_file "{directory}/nowhere.pem" (No such file or directory)',
    ),
    (
        "tls_server_config: {cert_file: server.pem, key_file: .}",
        'failed to read key_file "{directory}" (Is a directory)',
    ),
    (
        "tls_server_config: {cert_file: server.pem, key_file: authority.key}",
        (
            'cert_file "{directory}/server.pem" and key_file "{directory}/authority.key" '
            "do not belong together"
        ),
    ),
    (
        "tls_server_config: {cert_file: server.key, key_file: server.key}",
        'cert_file "{directory}/server.key" holds no certificate in PEM',
    ),
    (
        "tls_server_config: {cert_file: server.pem, key_file: server.pem}",
        'key_file "{directory}/server.pem" holds no private key in PEM',
    ),
    (
        "tls_server_config: {cert_file: server.pem, key_file: encrypted.key}",
        'key_file "{directory}/encrypted.key" is encrypted; allowed: one that is not',
    ),
    (
        "tls_server_config: {cert_file: broken.pem, key_file: server.key}",
        'cert_file "{directory}/broken.pem" and key_file "{directory}/server.key" cannot be used',
    ),
    (tls(_CA), "client CA's have been configured without a Client Auth Policy (line 1)"),
    (
        tls(f"{_CA}, client_auth_type: NoClientCert"),
        "client CA's have been configured without a Client Auth Policy",
    ),
    (
        tls("client_ca_file: no.pem, client_auth_type: VerifyClientCertIfGiven"),
        'failed to read client_ca_file "{directory}/no.pem"',
    ),
    (tls("client_auth_type: Always"), "invalid ClientAuth: Always; allowed: NoClientCert, Verify"),
    (
        tls("min_version: TLS14"),
        'tls_server_config.min_version: "TLS14" is not known (line 1); the nearest known one is ',
    ),
    (tls("max_version: SSL30"), 'tls_server_config.max_version: "SSL30" is not known'),
    (tls("min_version: [TLS12]"), "tls_server_config.min_version: a text is missing"),
    (
        tls("cipher_suites: [TLS_RSA_WITH_RC4_128_SHA]"),
        'tls_server_config.cipher_suites: "TLS_RSA_WITH_RC4_128_SHA" is not known (line 1)',
    ),
    (
        tls("cipher_suites: [ECDHE-RSA-AES128-SHA]"),
        'tls_server_config.cipher_suites: "ECDHE-RSA-AES128-SHA" is not known',
    ),
    (
        tls("cipher_suites: TLS_AES_128_GCM_SHA256"),
        "tls_server_config.cipher_suites is not a list (line 1)",
    ),
    (tls("curve_preferences: [X448]"), 'curve_preferences: "X448" is not known (line 1)'),
    (tls("prefer_server_cipher_suites: maybe"), "prefer_server_cipher_suites is not a yes or no"),
    (tls("prefer_server_cipher_suites: 1"), "prefer_server_cipher_suites is not a yes or no"),
    ('http_server_config: {http2: "true"}', "http_server_config.http2 is not a yes or no (line 1)"),
    ("http_server_config: {http2: [true]}", "http_server_config.http2: a text is missing"),
    (
        "http_server_config: {headers: {X-Frame-Options: DENY}}",
        "http_server_config: invalid value for X-Frame-Options; allowed: deny or sameorigin",
    ),
    ("http_server_config: {headers: {X-Frame-Options: }}", "invalid value for X-Frame-Options"),
    (
        "http_server_config: {headers: {X-Content-Type-Options: sniff}}",
        "invalid value for X-Content-Type-Options; allowed: nosniff",
    ),
    (
        "http_server_config: {headers: {x-frame-options: deny}}",
        'HTTP header "x-frame-options" can not be configured; allowed: Content-Security-Policy, ',
    ),
    ("http_server_config: {headers: {Server: x}}", 'HTTP header "Server" can not be configured'),
    ("http_server_config: {headers: [a]}", "headers is not a mapping of keys to values"),
    ("basic_auth_users: [a]", "basic_auth_users is not a mapping of keys to values (line 1)"),
    ("\nbasic_auth_users:\n  a: hidden", "basic_auth_users.a is not a bcrypt hash (line 3)"),
    ("basic_auth_users: {a: }", "basic_auth_users.a is not a bcrypt hash (line 1)"),
    ("basic_auth_users: {a: {b: c}}", "basic_auth_users.a: a text is missing (line 1)"),
    (
        "basic_auth_users: {a: $2y$03$QOauhQNbBCuQDKes6eFzPeMqBSjb7Mr5DUmpZ/VcEd00UAV/LDeSi}",
        "basic_auth_users.a is not a bcrypt hash",
    ),
    (
        f"basic_auth_users: {{a: {HASH}, a: {HASH}}}",
        '"basic_auth_users.a" stands there twice (line 1)',
    ),
)
"""What promtool does not take either, and what is said of it."""

STRICTER = (
    (tls("client_auth_type: RequestClientCert"), "which Python's TLS cannot do; allowed: NoClient"),
    (tls("client_auth_type: RequireAnyClientCert"), "which Python's TLS cannot do"),
    (tls("client_auth_type: RequireClientCert"), "which Python's TLS cannot do"),
    (
        tls("client_auth_type: VerifyClientCertIfGiven, client_ca_file: server.key"),
        'client_ca_file "{directory}/server.key" holds no certificate in PEM',
    ),
    (
        tls("client_auth_type: VerifyClientCertIfGiven, client_ca_file: broken.pem"),
        'client_ca_file "{directory}/broken.pem" cannot be used',
    ),
    (tls("min_version: TLS13, max_version: TLS12"), "min_version TLS13 is above max_version TLS12"),
    (
        tls("cipher_suites: [TLS_AES_128_GCM_SHA256], max_version: TLS12"),
        "cipher_suites: none of them is for TLS12",
    ),
    ("http_server_config: {http2: y}", "http_server_config.http2 is not a yes or no"),
    (
        'http_server_config: {headers: {Content-Security-Policy: "\\x07"}}',
        "http_server_config.headers.Content-Security-Policy is no value for a header (line 1)",
    ),
    (
        "basic_auth_users: {a: $2y$10$!OauhQNbBCuQDKes6eFzPeMqBSjb7Mr5DUmpZ/VcEd00UAV/LDeSi}",
        "basic_auth_users.a is not a bcrypt hash",
    ),
    (
        # Its salt ends in what bcrypt does not write.
        "basic_auth_users: {a: $2y$10$QOauhQNbBCuQDKes6eFzPfMqBSjb7Mr5DUmpZ/VcEd00UAV/LDeSi}",
        "basic_auth_users.a is not a bcrypt hash",
    ),
    ("http_server_config: {}\n---\nfoo: 1", "is not YAML (expected a single document"),
    ("http_server_config:\n  <<: {http2: true}", 'unknown key "http_server_config.<<" (line 2)'),
)
"""What promtool takes and we do not: it would not work, or not as it seems."""

NEWER_GOOD = (
    tls("client_auth_type: RequireAndVerifyClientCert, client_allowed_sans: [a.example, 10.0.0.1]"),
    "tls_server_config:\n  cert: |\n{server.pem}\n  key: |\n{server.key}",
    "tls_server_config:\n  cert: |\n{server.pem}\n  key_file: server.key",
    (
        "tls_server_config:\n  cert_file: server.pem\n  key_file: server.key\n"
        "  client_auth_type: VerifyClientCertIfGiven\n  client_ca: |\n{authority.pem}"
    ),
    "rate_limit: {interval: 0}",
    "rate_limit: {interval: 1s, burst: 20}",
    "rate_limit: {interval: 1m30s, burst: 1}",
    "rate_limit: {burst: 20}",
    "rate_limit:",
)
"""What the format's page has, and promtool 2.42 does not know yet."""

NEWER_BAD = (
    ("tls_server_config:\n  cert: |\n{server.pem}", "missing one of key or key_file (line 2)"),
    (
        "tls_server_config:\n  cert: |\n{server.pem}\n  key: |\n{authority.key}",
        "cert and key do not belong together",
    ),
    (tls("cert: a"), "both cert and cert_file are given; allowed: one of them (line 1)"),
    (tls("key: a"), "both key and key_file are given"),
    (
        tls(f"client_ca: a, {_CA}, client_auth_type: VerifyClientCertIfGiven"),
        "both client_ca and client_ca_file are given",
    ),
    (tls("client_ca: a"), "client CA's have been configured without a Client Auth Policy"),
    (
        tls("client_ca: a, client_auth_type: VerifyClientCertIfGiven"),
        "client_ca holds no certificate in PEM",
    ),
    ("tls_server_config: {client_allowed_sans: [a]}", "missing one of cert or cert_file"),
    (
        tls("client_allowed_sans: [a]"),
        "client_allowed_sans requires client_auth_type RequireAndVerifyClientCert (line 1)",
    ),
    (
        tls("client_auth_type: VerifyClientCertIfGiven, client_allowed_sans: [a]"),
        "client_allowed_sans requires client_auth_type RequireAndVerifyClientCert",
    ),
    (
        tls("client_auth_type: RequireAndVerifyClientCert, client_allowed_sans: []"),
        "client_allowed_sans is empty, which would let nobody in",
    ),
    (
        "rate_limit: {interval: 5, burst: 1}",
        "rate_limit.interval is not a duration (line 1); allowed: such as 1s, 500ms, 0",
    ),
    ("rate_limit: {interval: -1s, burst: 1}", "rate_limit.interval is not a duration (line 1)"),
    ("rate_limit: {interval: [1s], burst: 1}", "rate_limit.interval: a text is missing (line 1)"),
    ("rate_limit: {interval: 1s, burst: 1.5}", "rate_limit.burst is not a whole number"),
    ("rate_limit: {interval: 1s}", "rate_limit: a burst of 0 lets no request pass"),
    ("rate_limit: {rate: 1s}", 'unknown key "rate_limit.rate" (line 1)'),
)
