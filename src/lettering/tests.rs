//! Pictures with texts, looked at pixel by pixel.
