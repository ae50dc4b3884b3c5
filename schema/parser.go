package schema

// parserBytes is how much memory the lines of a Parser share.
const parserBytes = 64 << 10

// A Parser is for reading many lines: it copies them into blocks of memory that
// about 150 lines share, where Parse allocates for each. A line that is kept
// keeps its block. The zero Parser is ready to use, by one goroutine.
type Parser struct {
	block []byte
}

// Parse is the function Parse.
func (p *Parser) Parse(raw []byte) (Line, error) {
	h, ok := accept(raw)
	if !ok {
		return parseOther(raw)
	}
	if cap(p.block)-len(p.block) < len(raw) {
		p.block = make([]byte, 0, parserBytes)
	}
	begin := len(p.block)
	p.block = append(p.block, raw...)
	return Line{p.block[begin:len(p.block):len(p.block)], h}, nil
}
