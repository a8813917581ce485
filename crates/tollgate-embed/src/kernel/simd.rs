//! The kinds of processors, and the inner part of the matrix product for each.
//!
//! # Why this is sound
//!
//! Unsafe are only two things here. A function with `#[target_feature]` must run only where the features are: each takes,
//! or is called by a method of, a value of its kind's type ([`Avx512Vnni`] and so on), whose field is private to this file
//! and which only [`Kernel::all`] makes, after the features were found. And a load or store by pointer must stay within
//! memory that may be read or written: each stands in a function of its own that takes a reference to an array of just
//! the length that is loaded or stored, and needs no alignment.

#![expect(unsafe_code, reason = "vector instructions; the module's documentation says why this is sound")]

use std::array;

use super::{Arch, Operation, Pairs};
use crate::model::{Block, LINE, PANEL, SCALES};

/// The fastest kind of processor that this one is, or a slower one on demand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Kernel(Kind);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    #[cfg(target_arch = "x86_64")]
    Avx512Vnni(x86::Avx512Vnni),
    #[cfg(target_arch = "x86_64")]
    Avx512(x86::Avx512),
    #[cfg(target_arch = "x86_64")]
    AvxVnni(x86::AvxVnni),
    #[cfg(target_arch = "x86_64")]
    Avx2(x86::Avx2),
    #[cfg(target_arch = "aarch64")]
    Neon(neon::Neon),
    Portable(Portable),
}

/// Any processor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Portable;

// === impl Kernel ===

impl Kernel {
    /// The fastest for this processor.
    pub(crate) fn detect() -> Self {
        Self::all().next().unwrap_or(Self(Kind::Portable(Portable)))
    }

    /// All that run on this processor, the fastest first.
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        #[cfg(target_arch = "x86_64")]
        let kinds = [
            x86::Avx512Vnni::detect().map(Kind::Avx512Vnni),
            x86::Avx512::detect().map(Kind::Avx512),
            x86::AvxVnni::detect().map(Kind::AvxVnni),
            x86::Avx2::detect().map(Kind::Avx2),
            Some(Kind::Portable(Portable)),
        ];
        #[cfg(target_arch = "aarch64")]
        let kinds = [neon::Neon::detect().map(Kind::Neon), Some(Kind::Portable(Portable))];
        #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
        let kinds = [Some(Kind::Portable(Portable))];
        kinds.into_iter().flatten().map(Self)
    }

    /// What it is called in measurements and logs.
    pub(crate) fn name(self) -> &'static str {
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            Kind::Avx512Vnni(_) => "avx512-vnni",
            #[cfg(target_arch = "x86_64")]
            Kind::Avx512(_) => "avx512",
            #[cfg(target_arch = "x86_64")]
            Kind::AvxVnni(_) => "avx-vnni",
            #[cfg(target_arch = "x86_64")]
            Kind::Avx2(_) => "avx2",
            #[cfg(target_arch = "aarch64")]
            Kind::Neon(_) => "neon",
            Kind::Portable(_) => "portable",
        }
    }

    /// Computes.
    pub(crate) fn run(self, operation: impl Operation) {
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            Kind::Avx512Vnni(arch) => arch.run(operation),
            #[cfg(target_arch = "x86_64")]
            Kind::Avx512(arch) => arch.run(operation),
            #[cfg(target_arch = "x86_64")]
            Kind::AvxVnni(arch) => arch.run(operation),
            #[cfg(target_arch = "x86_64")]
            Kind::Avx2(arch) => arch.run(operation),
            #[cfg(target_arch = "aarch64")]
            Kind::Neon(arch) => arch.run(operation),
            Kind::Portable(arch) => operation.run(arch),
        }
    }
}

/// The halves of a pair of activations.
#[inline(always)]
fn halves(pair: i32) -> [f32; 2] {
    let [a, b, c, d] = pair.to_le_bytes();
    [f32::from(i16::from_le_bytes([a, b])), f32::from(i16::from_le_bytes([c, d]))]
}

// === impl Portable ===

impl Arch for Portable {
    const FUSED: bool = false;
    const ROWS: usize = 4;
    const QUERIES: usize = 2;

    #[inline(always)]
    fn tile<const R: usize>(self, rows: [&[Pairs]; R], blocks: &[Block], sums: &mut [[f32; PANEL]; R]) {
        for (group, block) in blocks.iter().enumerate() {
            let (scales, lines) = block.split_at(SCALES);
            // As `f32`, because few processors without vector instructions of ours multiply 32-bit integers side by side.
            let mut products = [[0.0; PANEL]; R];
            for (at, line) in lines.as_chunks::<LINE>().0.iter().enumerate() {
                let weights = line.as_chunks::<2>().0;
                let first: [f32; PANEL] = array::from_fn(|output| f32::from(weights[output][0].cast_signed()));
                let second: [f32; PANEL] = array::from_fn(|output| f32::from(weights[output][1].cast_signed()));
                for (row, products) in rows.iter().zip(&mut products) {
                    let [a, b] = halves(row[group][at]);
                    for output in 0..PANEL {
                        products[output] += first[output] * a + second[output] * b;
                    }
                }
            }
            for (sums, products) in sums.iter_mut().zip(products) {
                for ((sum, product), scale) in sums.iter_mut().zip(products).zip(scales.as_chunks().0) {
                    *sum += product * f32::from_le_bytes(*scale);
                }
            }
        }
    }

    #[inline(always)]
    fn combine<const R: usize>(self, factors: [&[f32]; R], lines: &[f32], stride: usize, sums: &mut [[f32; PANEL]; R]) {
        for (factors, sums) in factors.iter().zip(sums) {
            for (line, factor) in lines.chunks(stride).zip(*factors) {
                for (sum, number) in sums.iter_mut().zip(line) {
                    *sum += factor * number;
                }
            }
        }
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    //! AVX-512 and AVX2, both with and without the instructions that multiply pairs and add them up in one step.

    use std::arch::x86_64::*;

    use super::{Arch, Block, LINE, Operation, PANEL, Pairs, SCALES};

    /// Declares a kind of processor: its proof, how it is found, and a function that has its features.
    macro_rules! kind {
        ($(#[$doc:meta])* $kind:ident, $entry:ident, $features:literal, [$($feature:tt),*]) => {
            $(#[$doc])*
            #[derive(Clone, Copy, Debug, PartialEq, Eq)]
            pub(super) struct $kind(());

            impl $kind {
                pub(super) fn detect() -> Option<Self> {
                    let found = $(std::arch::is_x86_feature_detected!($feature))&&*;
                    found.then_some(Self(()))
                }

                #[inline]
                pub(super) fn run(self, operation: impl Operation) {
                    // SAFETY: `self` was made by `detect`, so the processor has the features.
                    unsafe { $entry(self, operation) }
                }
            }

            #[target_feature(enable = $features)]
            fn $entry(kind: $kind, operation: impl Operation) {
                operation.run(kind);
            }
        };
    }

    kind! {
        /// AVX-512 with VNNI: from Ice Lake and Zen 4 on.
        Avx512Vnni, run_avx512_vnni, "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,avx2,fma",
        ["avx512f", "avx512bw", "avx512vl", "avx512dq", "avx512vnni", "avx2", "fma"]
    }
    kind! {
        /// AVX-512 of the first generation.
        Avx512, run_avx512, "avx512f,avx512bw,avx512vl,avx512dq,avx2,fma",
        ["avx512f", "avx512bw", "avx512vl", "avx512dq", "avx2", "fma"]
    }
    kind! {
        /// AVX2 with VNNI: from Alder Lake on.
        AvxVnni, run_avx_vnni, "avx2,fma,avxvnni", ["avx2", "fma", "avxvnni"]
    }
    kind! {
        /// AVX2 with FMA: from Haswell and Zen on.
        Avx2, run_avx2, "avx2,fma", ["avx2", "fma"]
    }

    /// Adds the products of pairs of int16 to sums of 32 bits, 16 side by side.
    trait Dot512: Copy {
        fn dot(self, sums: __m512i, a: __m512i, b: __m512i) -> __m512i;
    }

    /// The same, 8 side by side.
    trait Dot256: Copy {
        fn dot(self, sums: __m256i, a: __m256i, b: __m256i) -> __m256i;
    }

    impl Dot512 for Avx512Vnni {
        #[inline(always)]
        fn dot(self, sums: __m512i, a: __m512i, b: __m512i) -> __m512i {
            // SAFETY: `self` was made by `detect`, so the processor has AVX-512 VNNI.
            unsafe { _mm512_dpwssd_epi32(sums, a, b) }
        }
    }

    impl Dot512 for Avx512 {
        #[inline(always)]
        fn dot(self, sums: __m512i, a: __m512i, b: __m512i) -> __m512i {
            // SAFETY: `self` was made by `detect`, so the processor has AVX-512 BW.
            unsafe { _mm512_add_epi32(sums, _mm512_madd_epi16(a, b)) }
        }
    }

    impl Dot256 for AvxVnni {
        #[inline(always)]
        fn dot(self, sums: __m256i, a: __m256i, b: __m256i) -> __m256i {
            // SAFETY: `self` was made by `detect`, so the processor has AVX-VNNI.
            unsafe { _mm256_dpwssd_avx_epi32(sums, a, b) }
        }
    }

    impl Dot256 for Avx2 {
        #[inline(always)]
        fn dot(self, sums: __m256i, a: __m256i, b: __m256i) -> __m256i {
            // SAFETY: `self` was made by `detect`, so the processor has AVX2.
            unsafe { _mm256_add_epi32(sums, _mm256_madd_epi16(a, b)) }
        }
    }

    macro_rules! arch {
        ($kind:ident, $tile:ident, $combine:ident, $rows:literal, $queries:literal) => {
            impl Arch for $kind {
                const FUSED: bool = true;
                const ROWS: usize = $rows;
                const QUERIES: usize = $queries;

                #[inline(always)]
                fn tile<const R: usize>(self, rows: [&[Pairs]; R], blocks: &[Block], sums: &mut [[f32; PANEL]; R]) {
                    // SAFETY: `self` was made by `detect`, so the processor has the features.
                    unsafe { $tile(self, rows, blocks, sums) }
                }

                #[inline(always)]
                fn combine<const R: usize>(
                    self,
                    factors: [&[f32]; R],
                    lines: &[f32],
                    stride: usize,
                    sums: &mut [[f32; PANEL]; R],
                ) {
                    // SAFETY: `self` was made by `detect`, so the processor has the features.
                    unsafe { $combine(factors, lines, stride, sums) }
                }
            }
        };
    }

    arch!(Avx512Vnni, tile_512, combine_512, 6, 4);
    arch!(Avx512, tile_512, combine_512, 6, 4);
    arch!(AvxVnni, tile_256, combine_256, 4, 2);
    arch!(Avx2, tile_256, combine_256, 4, 2);

    /// All 32 outputs of up to six rows at once: 24 of the 32 registers hold sums.
    #[target_feature(enable = "avx512f,avx512bw")]
    #[inline]
    fn tile_512<const R: usize>(kind: impl Dot512, rows: [&[Pairs]; R], blocks: &[Block], out: &mut [[f32; PANEL]; R]) {
        let rows = rows.map(|row| &row[..blocks.len()]);
        let mut sums = [[_mm512_setzero_ps(); 2]; R];
        for (group, block) in blocks.iter().enumerate() {
            let (scales, lines) = block.split_at(SCALES);
            let mut products = [[_mm512_setzero_si512(); 2]; R];
            for (at, line) in lines.as_chunks::<LINE>().0.iter().enumerate() {
                let weights = halves_of(line).map(|half| _mm512_cvtepi8_epi16(load_256(half)));
                for (row, products) in rows.iter().zip(&mut products) {
                    let pair = _mm512_set1_epi32(row[group][at]);
                    *products = [kind.dot(products[0], weights[0], pair), kind.dot(products[1], weights[1], pair)];
                }
            }
            let scales = halves_of(scales).map(|scales| load_ps_512(scales));
            for (sums, products) in sums.iter_mut().zip(products) {
                for half in 0..2 {
                    sums[half] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(products[half]), scales[half], sums[half]);
                }
            }
        }
        store_all_512(out, sums);
    }

    /// 16 outputs of up to four rows at once, and then the other 16: 8 of the 16 registers hold products.
    #[target_feature(enable = "avx2,fma")]
    #[inline]
    fn tile_256<const R: usize>(kind: impl Dot256, rows: [&[Pairs]; R], blocks: &[Block], out: &mut [[f32; PANEL]; R]) {
        let rows = rows.map(|row| &row[..blocks.len()]);
        for (group, block) in blocks.iter().enumerate() {
            let (scales, lines) = block.split_at(SCALES);
            for half in 0..2 {
                let mut products = [[_mm256_setzero_si256(); 2]; R];
                for (at, line) in lines.as_chunks::<LINE>().0.iter().enumerate() {
                    let [first, second] = halves_of(halves_of::<32>(line)[half]);
                    let weights = [first, second].map(|quarter| _mm256_cvtepi8_epi16(load_128(quarter)));
                    for (row, products) in rows.iter().zip(&mut products) {
                        let pair = _mm256_set1_epi32(row[group][at]);
                        *products = [kind.dot(products[0], weights[0], pair), kind.dot(products[1], weights[1], pair)];
                    }
                }
                for (out, products) in out.iter_mut().zip(products) {
                    let outs = out[half * PANEL / 2..].as_chunks_mut::<8>().0.iter_mut();
                    let scales = scales[half * SCALES / 2..].as_chunks::<32>().0;
                    for ((out, scale), product) in outs.zip(scales).zip(products) {
                        let sum = _mm256_fmadd_ps(_mm256_cvtepi32_ps(product), load_ps_256(scale), load_out(out));
                        store_ps_256(out, sum);
                    }
                }
            }
        }
    }

    #[target_feature(enable = "avx512f")]
    #[inline]
    fn combine_512<const R: usize>(factors: [&[f32]; R], lines: &[f32], stride: usize, out: &mut [[f32; PANEL]; R]) {
        let count = factors[0].len();
        let factors = factors.map(|factors| &factors[..count]);
        let mut sums = [[_mm512_setzero_ps(); 2]; R];
        for (at, line) in (0..count).zip(lines.chunks(stride)) {
            let line = line[..PANEL].as_chunks().0;
            let line = [load_line_512(&line[0]), load_line_512(&line[1])];
            for (factors, sums) in factors.iter().zip(&mut sums) {
                let factor = _mm512_set1_ps(factors[at]);
                *sums = [_mm512_fmadd_ps(factor, line[0], sums[0]), _mm512_fmadd_ps(factor, line[1], sums[1])];
            }
        }
        store_all_512(out, sums);
    }

    #[target_feature(enable = "avx512f")]
    #[inline]
    fn store_all_512<const R: usize>(out: &mut [[f32; PANEL]; R], sums: [[__m512; 2]; R]) {
        for (out, sums) in out.iter_mut().zip(sums) {
            let (halves, _) = out.as_chunks_mut();
            store_ps_512(&mut halves[0], sums[0]);
            store_ps_512(&mut halves[1], sums[1]);
        }
    }

    #[target_feature(enable = "avx,fma")]
    #[inline]
    fn combine_256<const R: usize>(factors: [&[f32]; R], lines: &[f32], stride: usize, out: &mut [[f32; PANEL]; R]) {
        let count = factors[0].len();
        let factors = factors.map(|factors| &factors[..count]);
        let mut sums = [[_mm256_setzero_ps(); 4]; R];
        for (at, line) in (0..count).zip(lines.chunks(stride)) {
            let line = line[..PANEL].as_chunks().0;
            for (factors, sums) in factors.iter().zip(&mut sums) {
                let factor = _mm256_set1_ps(factors[at]);
                for quarter in 0..4 {
                    sums[quarter] = _mm256_fmadd_ps(factor, load_out(&line[quarter]), sums[quarter]);
                }
            }
        }
        for (out, sums) in out.iter_mut().zip(sums) {
            for (out, sum) in out.as_chunks_mut().0.iter_mut().zip(sums) {
                store_ps_256(out, sum);
            }
        }
    }

    /// The first half of some bytes, and the second.
    #[inline(always)]
    fn halves_of<const N: usize>(bytes: &[u8]) -> [&[u8; N]; 2] {
        let (halves, _) = bytes.as_chunks();
        [&halves[0], &halves[1]]
    }

    #[target_feature(enable = "sse2")]
    #[inline]
    fn load_128(bytes: &[u8; 16]) -> __m128i {
        // SAFETY: 16 bytes may be read, at any alignment.
        unsafe { _mm_loadu_si128(bytes.as_ptr().cast()) }
    }

    #[target_feature(enable = "avx")]
    #[inline]
    fn load_256(bytes: &[u8; 32]) -> __m256i {
        // SAFETY: 32 bytes may be read, at any alignment.
        unsafe { _mm256_loadu_si256(bytes.as_ptr().cast()) }
    }

    #[target_feature(enable = "avx")]
    #[inline]
    fn load_ps_256(bytes: &[u8; 32]) -> __m256 {
        // SAFETY: 32 bytes may be read, at any alignment; this processor's order of bytes is the file's.
        unsafe { _mm256_loadu_ps(bytes.as_ptr().cast()) }
    }

    #[target_feature(enable = "avx512f")]
    #[inline]
    fn load_ps_512(bytes: &[u8; 64]) -> __m512 {
        // SAFETY: 64 bytes may be read, at any alignment; this processor's order of bytes is the file's.
        unsafe { _mm512_loadu_ps(bytes.as_ptr().cast()) }
    }

    #[target_feature(enable = "avx512f")]
    #[inline]
    fn load_line_512(numbers: &[f32; 16]) -> __m512 {
        // SAFETY: 16 numbers may be read, at any alignment.
        unsafe { _mm512_loadu_ps(numbers.as_ptr()) }
    }

    #[target_feature(enable = "avx")]
    #[inline]
    fn load_out(numbers: &[f32; 8]) -> __m256 {
        // SAFETY: 8 numbers may be read, at any alignment.
        unsafe { _mm256_loadu_ps(numbers.as_ptr()) }
    }

    #[target_feature(enable = "avx")]
    #[inline]
    fn store_ps_256(out: &mut [f32; 8], numbers: __m256) {
        // SAFETY: 8 numbers may be written, at any alignment.
        unsafe { _mm256_storeu_ps(out.as_mut_ptr(), numbers) }
    }

    #[target_feature(enable = "avx512f")]
    #[inline]
    fn store_ps_512(out: &mut [f32; 16], numbers: __m512) {
        // SAFETY: 16 numbers may be written, at any alignment.
        unsafe { _mm512_storeu_ps(out.as_mut_ptr(), numbers) }
    }
}

#[cfg(target_arch = "aarch64")]
mod neon {
    //! NEON, which all processors of this architecture have that run a common system.

    use std::arch::aarch64::*;

    use super::{Arch, Block, LINE, Operation, PANEL, Pairs, SCALES};

    /// NEON.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub(super) struct Neon(());

    impl Neon {
        pub(super) fn detect() -> Option<Self> {
            std::arch::is_aarch64_feature_detected!("neon").then_some(Self(()))
        }

        #[inline]
        pub(super) fn run(self, operation: impl Operation) {
            // SAFETY: `self` was made by `detect`, so the processor has NEON.
            unsafe { run_neon(self, operation) }
        }
    }

    #[target_feature(enable = "neon")]
    fn run_neon(kind: Neon, operation: impl Operation) {
        operation.run(kind);
    }

    impl Arch for Neon {
        const FUSED: bool = true;
        const ROWS: usize = 4;
        const QUERIES: usize = 2;

        #[inline(always)]
        fn tile<const R: usize>(self, rows: [&[Pairs]; R], blocks: &[Block], sums: &mut [[f32; PANEL]; R]) {
            // SAFETY: `self` was made by `detect`, so the processor has NEON.
            unsafe { tile(rows, blocks, sums) }
        }

        #[inline(always)]
        fn combine<const R: usize>(
            self,
            factors: [&[f32]; R],
            lines: &[f32],
            stride: usize,
            sums: &mut [[f32; PANEL]; R],
        ) {
            // SAFETY: `self` was made by `detect`, so the processor has NEON.
            unsafe { combine(factors, lines, stride, sums) }
        }
    }

    #[target_feature(enable = "neon")]
    #[inline]
    fn combine<const R: usize>(factors: [&[f32]; R], lines: &[f32], stride: usize, out: &mut [[f32; PANEL]; R]) {
        let count = factors[0].len();
        let factors = factors.map(|factors| &factors[..count]);
        let mut sums = [[vdupq_n_f32(0.0); 8]; R];
        for (at, line) in (0..count).zip(lines.chunks(stride)) {
            let line = line[..PANEL].as_chunks().0;
            for (factors, sums) in factors.iter().zip(&mut sums) {
                for eighth in 0..8 {
                    sums[eighth] = vfmaq_n_f32(sums[eighth], load(&line[eighth]), factors[at]);
                }
            }
        }
        for (out, sums) in out.iter_mut().zip(sums) {
            for (out, sum) in out.as_chunks_mut().0.iter_mut().zip(sums) {
                store(out, sum);
            }
        }
    }

    /// 16 outputs of up to four rows at once, and then the other 16: 16 of the 32 registers hold products.
    #[target_feature(enable = "neon")]
    #[inline]
    fn tile<const R: usize>(rows: [&[Pairs]; R], blocks: &[Block], out: &mut [[f32; PANEL]; R]) {
        let rows = rows.map(|row| &row[..blocks.len()]);
        for (group, block) in blocks.iter().enumerate() {
            let (scales, lines) = block.split_at(SCALES);
            for half in 0..2 {
                let mut products = [[vdupq_n_s32(0); 4]; R];
                for (at, line) in lines.as_chunks::<LINE>().0.iter().enumerate() {
                    // The weights of the pairs' first inputs, and of their second ones.
                    let weights = load_pairs(&line.as_chunks().0[half]);
                    for (row, products) in rows.iter().zip(&mut products) {
                        let pair = vreinterpret_s16_s32(vdup_n_s32(row[group][at]));
                        *products = multiply::<0>(*products, weights.0, pair);
                        *products = multiply::<1>(*products, weights.1, pair);
                    }
                }
                for (out, products) in out.iter_mut().zip(products) {
                    let outs = out[half * PANEL / 2..].as_chunks_mut::<4>().0.iter_mut();
                    let scales = scales[half * SCALES / 2..].as_chunks::<16>().0;
                    for ((out, scale), product) in outs.zip(scales).zip(products) {
                        store(out, vfmaq_f32(load(out), vcvtq_f32_s32(product), load_scales(scale)));
                    }
                }
            }
        }
    }

    /// Adds the products of 16 weights with one of the activations of a pair.
    #[target_feature(enable = "neon")]
    #[inline]
    fn multiply<const HALF: i32>(sums: [int32x4_t; 4], weights: int8x16_t, pair: int16x4_t) -> [int32x4_t; 4] {
        let low = vmovl_s8(vget_low_s8(weights));
        let high = vmovl_high_s8(weights);
        [
            vmlal_lane_s16::<HALF>(sums[0], vget_low_s16(low), pair),
            vmlal_high_lane_s16::<HALF>(sums[1], low, pair),
            vmlal_lane_s16::<HALF>(sums[2], vget_low_s16(high), pair),
            vmlal_high_lane_s16::<HALF>(sums[3], high, pair),
        ]
    }

    #[target_feature(enable = "neon")]
    #[inline]
    fn load_pairs(bytes: &[u8; 32]) -> int8x16x2_t {
        // SAFETY: 32 bytes may be read, at any alignment.
        unsafe { vld2q_s8(bytes.as_ptr().cast()) }
    }

    #[target_feature(enable = "neon")]
    #[inline]
    fn load_scales(bytes: &[u8; 16]) -> float32x4_t {
        // SAFETY: 16 bytes may be read; as bytes, since a load of numbers would need their alignment.
        vreinterpretq_f32_u8(unsafe { vld1q_u8(bytes.as_ptr()) })
    }

    #[target_feature(enable = "neon")]
    #[inline]
    fn load(numbers: &[f32; 4]) -> float32x4_t {
        // SAFETY: 4 numbers may be read.
        unsafe { vld1q_f32(numbers.as_ptr()) }
    }

    #[target_feature(enable = "neon")]
    #[inline]
    fn store(out: &mut [f32; 4], numbers: float32x4_t) {
        // SAFETY: 4 numbers may be written.
        unsafe { vst1q_f32(out.as_mut_ptr(), numbers) }
    }
}
