package schema

// parserBytes is how much memory the lines of a Parser share.
const parserBytes = 64 << 10

// A Parser is for reading many lines: it copies them into blocks of memory that
// about 150 lines share, where Parse allocates for each. A line that is kept
// keeps its block. The zero Parser is ready to use, by one goroutine.
type Parser struct {
	block []byte
	used  int // since the last Reset
}

// Parse is the function Parse.
func (p *Parser) Parse(raw []byte) (Line, error) {
	h, ok := accept(raw)
	if !ok {
		return parseOther(raw)
	}
	if cap(p.block)-len(p.block) < len(raw) {
		p.block = make([]byte, 0, max(parserBytes, len(raw)))
	}
	begin := len(p.block)
	p.block = append(p.block, raw...)
	p.used += len(raw)
	return Line{p.block[begin:len(p.block):len(p.block)], h}, nil
}

// Reset lets the lines that come take the memory of those before, of which nothing
// may be kept. As many again as there were need no other.
func (p *Parser) Reset() {
	if p.used > cap(p.block) {
		p.block = make([]byte, 0, p.used)
	}
	p.block, p.used = p.block[:0], 0
}
