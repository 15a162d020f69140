//! The sound track of a file, packet by packet. Knows the crates that read containers and codecs, and where they need
//! help; nothing else of the server does.

use super::mp4;
use super::resample::RATES;
use std::io::Cursor;
use std::sync::LazyLock;
use symphonia::core::codecs::CodecParameters;
use symphonia::core::codecs::audio::well_known::CODEC_ID_OPUS;
use symphonia::core::codecs::audio::{AudioCodecParameters, AudioDecoder, AudioDecoderOptions};
use symphonia::core::codecs::registry::CodecRegistry;
use symphonia::core::errors::Error;
use symphonia::core::formats::well_known::{FORMAT_ID_MKV, FORMAT_ID_OGG};
use symphonia::core::formats::{FormatOptions, FormatReader, Track, TrackType};
use symphonia::core::io::{MediaSource, MediaSourceStream, ReadOnlySource};
use symphonia::core::meta::MetadataOptions;
use symphonia::core::packet::Packet;
use symphonia_adapter_libopus::OpusDecoder;

/// Channels of the widest sound known (22.2 has 24). Memory is taken for each.
const MAX_CHANNELS: usize = 32;
/// Samples of a packet by what its header claims; memory is taken for them. FLAC has most: 65 535.
const MAX_FRAMES: u64 = 1 << 17;
/// More packets than four hours of the shortest ones of Opus, with a film beside them.
const MAX_PACKETS: usize = 8_000_000;
/// How many times in a row a container may fail to give a packet before it counts as ended.
const MAX_FAULTS: usize = 64;

static CODECS: LazyLock<CodecRegistry> = LazyLock::new(|| {
    let mut codecs = CodecRegistry::new();
    symphonia::default::register_enabled_codecs(&mut codecs);
    codecs.register_audio_decoder::<OpusDecoder>();
    codecs
});

/// Decoded samples of one channel.
pub(super) struct Block<'a> {
    /// Samples a second.
    pub(super) rate: u32,
    /// The samples; none where a packet was damaged or only prepared the next.
    pub(super) samples: &'a [f32],
}

/// A file opened for its sound.
pub(super) struct Reader<'a> {
    format: Box<dyn FormatReader + 'a>,
    decoder: Box<dyn AudioDecoder>,
    track: u32,
    packets: usize,
    planes: Vec<Vec<f32>>,
    mono: Vec<f32>,
}

impl<'a> Reader<'a> {
    /// Finds the track that is played when nobody chooses, or else the first whose codec is known.
    pub(super) fn open(bytes: &'a [u8]) -> Result<Self, String> {
        if mp4::is_endless(bytes) {
            return Err("its tables are made to take hours to read".to_owned());
        }
        // A file that was cut off is refused for what is missing at its end, but not if it comes as a stream.
        Self::of(Box::new(Cursor::new(bytes)))
            .or_else(|why| Self::of(Box::new(ReadOnlySource::new(Cursor::new(bytes)))).map_err(|_| why))
    }

    fn of(source: Box<dyn MediaSource + 'a>) -> Result<Self, String> {
        let source = MediaSourceStream::new(source, Default::default());
        let (options, tags) = (FormatOptions::default(), MetadataOptions::default());
        let format = symphonia::default::get_probe().probe(&Default::default(), source, options, tags);
        let format = format.map_err(|e| e.to_string())?;
        let (track, decoder) = chosen(format.as_ref())?;
        Ok(Self { format, decoder, track, packets: 0, planes: Vec::new(), mono: Vec::new() })
    }

    /// Whether there are moving pictures beside the sound.
    pub(super) fn is_film(&self) -> bool {
        self.format.first_track(TrackType::Video).is_some()
    }

    /// What the next packet holds; `None` at the end.
    pub(super) fn next(&mut self) -> Option<Block<'_>> {
        let packet = self.packet()?;
        self.mono.clear();
        let mut rate = *RATES.start();
        // A packet that does not decode is left out: what follows mostly does.
        if let Ok(decoded) = self.decoder.decode(&packet)
            && RATES.contains(&decoded.spec().rate())
        {
            rate = decoded.spec().rate();
            decoded.copy_to_vecs_planar(&mut self.planes);
            mix(&self.planes, &mut self.mono);
        }
        Some(Block { rate, samples: &self.mono })
    }

    /// How long the packets say they last, all of them together.
    pub(super) fn seconds(mut self) -> f64 {
        // Matroska tells times in whole milliseconds, too coarse for a sum of packets: there the last one tells.
        let coarse = self.format.format_info().format == FORMAT_ID_MKV;
        let (mut seconds, mut first): (f64, Option<f64>) = (0.0, None);
        while let Some(packet) = self.packet() {
            let Some(base) = self.track().and_then(|track| track.time_base) else { continue };
            let lasts = base.calc_duration_saturating(packet.dur).as_secs_f64();
            if coarse {
                let begins = base.calc_time_saturating(packet.pts).as_secs_f64();
                let first = *first.get_or_insert(begins);
                seconds = seconds.max(begins - first + lasts);
            } else {
                seconds += lasts;
            }
        }
        // What coders put before and behind the sound is counted with the packets and cut off by the decoder; only OGG
        // leaves out by itself what is behind.
        let ogg = self.format.format_info().format == FORMAT_ID_OGG;
        let beside = |track: &Track| (track.delay.unwrap_or(0), track.padding.filter(|_| !ogg).unwrap_or(0));
        let (delay, padding) = self.track().map_or((0, 0), beside);
        let rate = self.decoder.codec_params().sample_rate.unwrap_or(*RATES.end());
        (seconds - (f64::from(delay) + f64::from(padding)) / f64::from(rate.max(1))).max(0.0)
    }

    fn track(&self) -> Option<&Track> {
        self.format.tracks().iter().find(|track| track.id == self.track)
    }

    /// The next packet of the track.
    fn packet(&mut self) -> Option<Packet> {
        let mut faults = 0;
        while self.packets < MAX_PACKETS && faults < MAX_FAULTS {
            self.packets += 1;
            match self.format.next_packet() {
                Ok(Some(packet)) if packet.track_id == self.track => return Some(packet),
                Ok(Some(_)) => {}
                Ok(None) | Err(Error::IoError(_)) => return None,
                // Another stream follows in the same file: OGG may be chained.
                Err(Error::ResetRequired) => {
                    faults += 1;
                    (self.track, self.decoder) = chosen(self.format.as_ref()).ok()?;
                }
                Err(_) => faults += 1,
            }
        }
        None
    }
}

/// The track to decode, and what decodes it.
fn chosen(format: &dyn FormatReader) -> Result<(u32, Box<dyn AudioDecoder>), String> {
    let mut why = "there is no sound in it".to_owned();
    for track in format.default_track(TrackType::Audio).into_iter().chain(format.tracks()) {
        let Some(CodecParameters::Audio(params)) = &track.codec_params else { continue };
        match decoder(params) {
            Ok(decoder) => return Ok((track.id, decoder)),
            Err(error) => why = error,
        }
    }
    Err(why)
}

fn decoder(params: &AudioCodecParameters) -> Result<Box<dyn AudioDecoder>, String> {
    let channels = params.channels.as_ref().map_or(1, |channels| channels.count());
    if !(1..=MAX_CHANNELS).contains(&channels) {
        return Err(format!("it has {channels} channels; at most {MAX_CHANNELS} can be read"));
    }
    if let Some(rate) = params.sample_rate.filter(|rate| !RATES.contains(rate)) {
        return Err(format!("its sample rate is {rate} Hz; {} to {} can be read", RATES.start(), RATES.end()));
    }
    if params.max_frames_per_packet.is_some_and(|frames| frames > MAX_FRAMES) {
        return Err("its packets claim to be longer than any are".to_owned());
    }
    let mut params = params.clone();
    if params.codec == CODEC_ID_OPUS {
        // Opus sounds at 48 kHz whatever rate a container notes as that of the recording.
        params.sample_rate = Some(48_000);
    }
    CODECS.make_audio_decoder(&params, &AudioDecoderOptions::default()).map_err(|e| e.to_string())
}

/// The mean of the channels. What is no number is silence, what is louder than full scale is clipped.
fn mix(planes: &[Vec<f32>], mono: &mut Vec<f32>) {
    let Some((first, others)) = planes.split_first() else { return };
    mono.extend_from_slice(first);
    for plane in others {
        for (sum, sample) in mono.iter_mut().zip(plane) {
            *sum += sample;
        }
    }
    let channels = planes.len() as f32;
    for sample in mono {
        *sample /= channels;
        *sample = if sample.is_finite() { sample.clamp(-1.0, 1.0) } else { 0.0 };
    }
}
