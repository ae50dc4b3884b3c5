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
	return Line{p.keep(raw), h}, nil
}

// ParsePrefix reads the event that text begins with, where it is one that Parse
// would take as it stands, and returns how many bytes that is. 0 says nothing: the
// end of the event has to be found otherwise, and Parse judges it.
func (p *Parser) ParsePrefix(text []byte) (Line, int) {
	h, n := acceptPrefix(text)
	if n == 0 {
		return Line{}, 0
	}
	return Line{p.keep(text[:n]), h}, n
}

// keep copies a line into the block.
func (p *Parser) keep(raw []byte) []byte {
	if cap(p.block)-len(p.block) < len(raw) {
		p.block = make([]byte, 0, max(parserBytes, len(raw)))
	}
	begin := len(p.block)
	p.block = append(p.block, raw...)
	p.used += len(raw)
	return p.block[begin:len(p.block):len(p.block)]
}

// Reset lets the lines that come take the memory of those before, of which nothing
// may be kept. As many again as there were need no other.
func (p *Parser) Reset() {
	if p.used > cap(p.block) {
		p.block = make([]byte, 0, p.used)
	}
	p.block, p.used = p.block[:0], 0
}
