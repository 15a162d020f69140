//! Whether this processor has the instructions that ggml was built with. ggml itself does not look: it would end the
//! process with an illegal instruction.

use whisper_rs::whisper_rs_sys as ggml;

/// What ggml was built with and this processor lacks; empty where it can compute.
pub(super) fn lacking() -> Vec<&'static str> {
    needed().into_iter().filter(|name| !there_is(name)).collect()
}

/// What ggml was built with, of all that it may be: each by the name of the processor's flag.
fn needed() -> Vec<&'static str> {
    // SAFETY: these take nothing, touch nothing and answer with a constant that was fixed when ggml was compiled; none
    // of them uses the instructions that it tells about.
    let built_with = unsafe {
        [
            ("avx", ggml::ggml_cpu_has_avx()),
            ("avx2", ggml::ggml_cpu_has_avx2()),
            ("bmi2", ggml::ggml_cpu_has_bmi2()),
            ("fma", ggml::ggml_cpu_has_fma()),
            ("f16c", ggml::ggml_cpu_has_f16c()),
            ("avx512", ggml::ggml_cpu_has_avx512()),
            ("avx512vbmi", ggml::ggml_cpu_has_avx512_vbmi()),
            ("avx512vnni", ggml::ggml_cpu_has_avx512_vnni()),
            ("avx512bf16", ggml::ggml_cpu_has_avx512_bf16()),
        ]
    };
    built_with.into_iter().filter(|(_, has)| *has != 0).map(|(name, _)| name).collect()
}

#[cfg(target_arch = "x86_64")]
fn there_is(name: &str) -> bool {
    match name {
        "avx" => is_x86_feature_detected!("avx"),
        "avx2" => is_x86_feature_detected!("avx2"),
        "bmi2" => is_x86_feature_detected!("bmi2"),
        "fma" => is_x86_feature_detected!("fma"),
        "f16c" => is_x86_feature_detected!("f16c"),
        // What ggml means by AVX-512: the parts that every server processor with it has.
        "avx512" => {
            is_x86_feature_detected!("avx512f")
                && is_x86_feature_detected!("avx512cd")
                && is_x86_feature_detected!("avx512vl")
                && is_x86_feature_detected!("avx512dq")
                && is_x86_feature_detected!("avx512bw")
        }
        "avx512vbmi" => is_x86_feature_detected!("avx512vbmi"),
        "avx512vnni" => is_x86_feature_detected!("avx512vnni"),
        "avx512bf16" => is_x86_feature_detected!("avx512bf16"),
        _ => false,
    }
}

#[cfg(not(target_arch = "x86_64"))]
fn there_is(_: &str) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_arch = "x86_64")]
    fn the_build_is_for_processors_with_avx2_at_least() {
        let needed = needed();
        for name in ["avx", "avx2", "bmi2", "fma", "f16c"] {
            assert!(needed.contains(&name), "{name} is not built in: {needed:?}; see .cargo/config.toml");
        }
        assert!(!there_is("an instruction that nobody has"));
    }
}
