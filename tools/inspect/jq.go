package inspect

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/itchyny/gojq"
)

// Expression is a jq program. It may be used by several goroutines.
type Expression struct{ code *gojq.Code }

// ParseExpression compiles a jq program. It reads neither files nor the
// environment.
func ParseExpression(text string) (*Expression, error) {
	query, err := gojq.Parse(text)
	if err != nil {
		return nil, fmt.Errorf("the jq expression cannot be understood: %w", err)
	}
	code, err := gojq.Compile(query)
	if err != nil {
		return nil, fmt.Errorf("the jq expression cannot be understood: %w", err)
	}
	return &Expression{code}, nil
}

// errExpression says that a program failed. What it said about that is left off:
// it quotes the value it met.
var errExpression = errors.New("the jq expression fails on this event")

// append runs the program on one event and adds what comes out, one value a line.
func (e *Expression) append(ctx context.Context, out, event []byte) ([]byte, error) {
	var input any
	d := json.NewDecoder(bytes.NewReader(event))
	d.UseNumber()
	if err := d.Decode(&input); err != nil {
		return out, errExpression
	}
	values := e.code.RunWithContext(ctx, input)
	for {
		value, more := values.Next()
		if !more {
			return out, nil
		}
		if _, failed := value.(error); failed {
			if halt, ok := value.(*gojq.HaltError); ok && halt.Value() == nil {
				return out, nil
			}
			return out, errExpression
		}
		text, err := gojq.Marshal(value)
		if err != nil {
			return out, errExpression
		}
		out = append(append(out, text...), '\n')
	}
}
