#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# page.sh PAGE: prints the program of a page, its first block of C.
# page.sh PAGE PROGRAM: the program prints what the page says it does, its first block of text.
set -euo pipefail

block() { awk -v first='```'"$2" '$0 == first { on = 1; next } on && /^```$/ { exit } on' "$1"; }

if (($# == 1)); then block "$1" c; else diff <(block "$1" text) <("$2"); fi
