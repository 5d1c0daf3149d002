//! The token of our own with which another is asked for (RFC 7523).
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use config::{JwtBearer, OAuth2, SignatureAlgorithm};
use model::Timestamp;
use rustls::{
    SignatureAlgorithm as KeyKind, SignatureScheme,
    crypto::ring::sign::any_supported_type,
    pki_types::{PrivateKeyDer, pem::PemObject as _},
};
use serde_json::json;

/// How long it is good for.
const LIFE_SECONDS: i64 = 600;

/// Why nothing can be signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// It is not PEM, or has a passphrase.
    #[error("invalid key: Key must be a PEM encoded PKCS1 or PKCS8 key")]
    Pem,
    /// It is another kind of key.
    #[error("key is not a valid RSA private key")]
    NotRsa,
    /// The key does not sign.
    #[error("the key does not sign")]
    Sign,
}

/// The token that `jwt` describes for `settings`, signed by the key `pem`, said at `now` and called `id`.
pub(super) fn assertion(
    settings: &OAuth2,
    jwt: &JwtBearer,
    pem: &str,
    now: Timestamp,
    id: &str,
) -> Result<String, KeyError> {
    let algorithm = jwt.algorithm.as_str();
    let head = match jwt.key_id.as_str() {
        "" => json!({"alg": algorithm, "typ": "JWT"}),
        key => json!({"alg": algorithm, "kid": key, "typ": "JWT"}),
    };
    let or = |given: &str, otherwise: &str| match given {
        "" => otherwise.to_owned(),
        given => given.to_owned(),
    };
    let seconds = now.as_millis().div_euclid(1000);
    let mut claims = json!({
        "iss": or(&jwt.issuer, &settings.client_id),
        "sub": settings.client_id,
        "jti": id,
        "aud": or(&jwt.audience, &settings.token_url),
        "iat": seconds,
        "exp": seconds + LIFE_SECONDS,
    });
    if !settings.scopes.is_empty() {
        claims["scope"] = settings.scopes.join(" ").into();
    }
    for (name, value) in &jwt.claims.0 {
        claims[name] = value.clone();
    }
    let part = |json: serde_json::Value| URL_SAFE_NO_PAD.encode(json.to_string());
    let text = format!("{}.{}", part(head), part(claims));
    let signature = signature(jwt.algorithm, pem, text.as_bytes())?;
    Ok(format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature)))
}

fn signature(algorithm: SignatureAlgorithm, pem: &str, text: &[u8]) -> Result<Vec<u8>, KeyError> {
    let key = PrivateKeyDer::from_pem_slice(pem.as_bytes()).map_err(|_| KeyError::Pem)?;
    let key = any_supported_type(&key).map_err(|_| KeyError::NotRsa)?;
    if key.algorithm() != KeyKind::RSA {
        return Err(KeyError::NotRsa);
    }
    let scheme = match algorithm {
        SignatureAlgorithm::Rs256 => SignatureScheme::RSA_PKCS1_SHA256,
        SignatureAlgorithm::Rs384 => SignatureScheme::RSA_PKCS1_SHA384,
        SignatureAlgorithm::Rs512 => SignatureScheme::RSA_PKCS1_SHA512,
    };
    let signer = key.choose_scheme(&[scheme]).ok_or(KeyError::Sign)?;
    signer.sign(text).map_err(|_| KeyError::Sign)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use config::{Claims, Grant, Secret, Source};
    use expect_test::expect;

    use super::*;

    /// A key that is used nowhere else.
    const KEY: &str = include_str!("../../testdata/rsa.pem");

    fn token(algorithm: SignatureAlgorithm, key: &str) -> Result<String, KeyError> {
        let nothing = || Source::Inline(Secret::default());
        let claims = json!({"tenant": 7, "aud": "them"});
        let jwt = JwtBearer {
            key: nothing(),
            key_id: "k1".to_owned(),
            algorithm,
            issuer: String::new(),
            audience: String::new(),
            claims: Claims(claims.as_object().unwrap().clone()),
        };
        let settings = OAuth2 {
            client_id: "me".to_owned(),
            grant: Grant::ClientCredentials(nothing()),
            scopes: vec!["a".to_owned(), "b".to_owned()],
            token_url: "http://t/token".to_owned(),
            endpoint_params: BTreeMap::new(),
            tls: config::TlsConfig::default(),
            proxy: config::Proxy::default(),
        };
        assertion(
            &settings,
            &jwt,
            key,
            Timestamp::from_millis(1_700_000_000_500),
            "id",
        )
    }

    #[test]
    fn the_token_says_who_asks_whom_for_what() {
        let token = token(SignatureAlgorithm::Rs256, KEY).unwrap();
        let parts: Vec<Vec<u8>> = token
            .split('.')
            .map(|part| URL_SAFE_NO_PAD.decode(part).unwrap())
            .collect();
        let shown = |part: &[u8]| String::from_utf8(part.to_vec()).unwrap();
        expect![[r#"{"alg":"RS256","kid":"k1","typ":"JWT"}"#]].assert_eq(&shown(&parts[0]));
        expect![[r#"{"aud":"them","exp":1700000600,"iat":1700000000,"iss":"me","jti":"id","scope":"a b","sub":"me","tenant":7}"#]].assert_eq(&shown(&parts[1]));
    }

    #[test]
    fn signatures_are_those_of_openssl() {
        let signature = |algorithm| {
            let token = token(algorithm, KEY).unwrap();
            token.rsplit('.').next().unwrap()[..40].to_owned()
        };
        expect!["qiz9tzBaGNIXGVlvXnuJNxnrLkjj66BloNH6OdRr"]
            .assert_eq(&signature(SignatureAlgorithm::Rs256));
        expect!["TkJzVDDNPfcKjWrn41wK7FX5NCwbWalhDoDQ_7xZ"]
            .assert_eq(&signature(SignatureAlgorithm::Rs384));
        expect!["bYxlRi4zFI1w3BT_zACaVWzHToykeTYVercSZ3Wh"]
            .assert_eq(&signature(SignatureAlgorithm::Rs512));
    }

    #[test]
    fn other_keys_are_refused() {
        let refused = |key| token(SignatureAlgorithm::Rs256, key).unwrap_err();
        assert_eq!(refused("x"), KeyError::Pem);
        let elliptic = include_str!("../../testdata/elliptic.pem");
        assert_eq!(refused(elliptic), KeyError::NotRsa);
    }
}
