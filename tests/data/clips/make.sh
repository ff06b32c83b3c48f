#!/usr/bin/env bash
# How these clips were made: speech synthesised by espeak-ng, as 16 kHz mono FLAC. Run once; the clips are
# committed, so that most tests need neither espeak-ng nor ffmpeg. usage: tests/data/clips/make.sh
set -euo pipefail
cd "$(dirname "$0")"
rm -f -- *.flac manifest.jsonl
make_clip() {  # id, voice, subset, sentence
  espeak-ng -v "$2" -s 165 --stdout -- "$4" | ffmpeg -v error -y -i - -ar 16000 -ac 1 -sample_fmt s16 "$1.flac"
  printf '{"id": "%s", "audio": "%s.flac", "reference": "%s", "subset": "%s", "group": "%s"}\n' "$1" "$1" "$4" "$3" "$2" >> manifest.jsonl
}
make_clip bells   en-gb numbers "The bell rang three times."
make_clip train   en-us numbers "The train leaves at half past seven."
make_clip street  en-gb-scotland numbers "She lives at number forty two."
make_clip kettle  en-gb places  "Put the kettle on the stove."
make_clip harbour en-us places  "The boats came back to the harbour before the storm."
make_clip library en-gb-scotland places "There is a library behind the church."
make_clip garden  en-gb places  "The dog sleeps in the garden."
make_clip market  en-us places  "We bought bread at the market."
