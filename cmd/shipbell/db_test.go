package main

import (
	"strings"
	"testing"
)

func TestShowCopying(t *testing.T) {
	var b strings.Builder
	progress, end := showCopying(&b, true)
	for _, done := range []int64{4_194_304, 4_200_000, 8_388_608, 106_319_872} {
		progress(done, 106_319_872)
	}
	end()
	const want = "\r\x1b[Kcopying 106.3 MB: 3 %" + "\r\x1b[Kcopying 106.3 MB: 7 %" + "\r\x1b[Kreading the copy back" + "\r\x1b[K"
	if b.String() != want {
		t.Errorf("%q, want %q", b.String(), want)
	}
	b.Reset()
	progress, end = showCopying(&b, false)
	progress(1, 2)
	end()
	if b.Len() > 0 {
		t.Errorf("%q where nobody looks", b.String())
	}
}
