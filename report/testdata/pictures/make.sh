#!/usr/bin/env bash
# Makes the pictures of this folder: how the sample report of
# report/testdata/fixture/sample.go looks in the workbook (through LibreOffice),
# on the page (in Chromium) and on paper. Look at each of them after a change:
# nothing may be cut off, overlap, or be too small to read.
#
#   bash report/testdata/pictures/make.sh
#
# It needs Go and, on Debian:
#   apt-get install chromium libreoffice-calc-nogui poppler-utils pngquant \
#     optipng fonts-crosextra-carlito fonts-dejavu-core
# Carlito stands in for Calibri, whose widths it has.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cd "$here/../../.."
for tool in go chromium soffice pdftotext pdftoppm pngquant optipng; do
  command -v "$tool" >/dev/null || { printf '%s is missing; see the head of this script\n' "$tool" >&2; exit 1; }
done
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

go test ./report/xlsx -run '^TestSample$' -count 1 -keep "$tmp" >/dev/null
go test -tags browser ./report/html -run '^TestBrowser$/^(fits|prints)$' -count 1 -pictures "$tmp" >/dev/null
for book in report compare; do
  soffice "-env:UserInstallation=file://$tmp/libreoffice" --headless --convert-to pdf --outdir "$tmp" "$tmp/$book.xlsx" >/dev/null 2>&1
done

# page FILE WORDS: the number of the first page of a PDF that begins with WORDS.
page() {
  pdftotext -layout "$1" - | awk -v RS='\f' -v words="$2" '{ sub(/^[ \n]+/, "") } index($0, words) == 1 { print NR; exit }'
}

# picture NAME PDF PAGE DPI
picture() {
  [ -n "$3" ] || { printf '%s: no such page\n' "$1" >&2; exit 1; }
  pdftoppm -png -r "$4" -f "$3" -l "$3" -singlefile "$2" "$tmp/$1"
}
picture summary "$tmp/report.pdf" 1 100
picture summary-2 "$tmp/report.pdf" 2 100
picture would-break "$tmp/report.pdf" "$(page "$tmp/report.pdf" 'Would break')" 140
picture users-at-risk "$tmp/report.pdf" "$(page "$tmp/report.pdf" 'Users at risk')" 110
picture aaguids "$tmp/report.pdf" "$(page "$tmp/report.pdf" 'AAGUIDs')" 130
picture compare-summary "$tmp/compare.pdf" 1 100
picture page-printed-1 "$tmp/page.pdf" 1 80
picture page-printed-4 "$tmp/page.pdf" 4 110

rm -f "$here"/*.png
for name in summary summary-2 would-break users-at-risk aaguids compare-summary page-printed-1 page-printed-4 \
  page-1440-light page-1440-dark page-390-light page-390-dark table-1440-light table-390-dark; do
  pngquant --strip --speed 1 --output "$here/$name.png" 24 "$tmp/$name.png"
  optipng -quiet -o2 "$here/$name.png"
  size=$(wc -c <"$here/$name.png")
  [ "$size" -le 150000 ] || { printf '%s.png has %d bytes, more than 150,000\n' "$name" "$size" >&2; exit 1; }
done
ls -l "$here"
