package schema

import "testing"

func BenchmarkParse(b *testing.B) {
	for _, name := range Names() {
		for _, variant := range []string{"full", "exotic"} {
			raw := validFixture(b, name, variant)
			b.Run(string(name)+"/"+variant, func(b *testing.B) {
				b.SetBytes(int64(len(raw)))
				b.ReportAllocs()
				for b.Loop() {
					if _, err := Parse(raw); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

func BenchmarkEncode(b *testing.B) {
	for _, name := range Names() {
		event, err := Decode(parsed(b, validFixture(b, name, "full")))
		if err != nil {
			b.Fatal(err)
		}
		b.Run(string(name), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Encode(event, Detailed); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
