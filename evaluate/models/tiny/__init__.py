"""A small Qwen-Audio that has learned something: trained here, on lessons of the miniature's kind, in the official
layout. For demonstration and tests only."""
