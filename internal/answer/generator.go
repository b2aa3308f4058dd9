package answer

import "encoding/json"

// Generator is /ivp/ensemble/generator. It answers on systems without one
// too; GenConfig says whether there is one.
type Generator struct {
	OperState Text `json:"oper_state"` // "close" (some builds "closed") while running
}

// Running reports whether the generator feeds the house.
func (g Generator) Running() bool { return g.OperState == "close" || g.OperState == "closed" }

// ParseGenerator parses /ivp/ensemble/generator.
func ParseGenerator(body []byte) (Generator, error) {
	var g Generator
	if err := decode(body, '{', &g); err != nil {
		return Generator{}, err
	}
	if g.OperState == "" {
		return Generator{}, ErrShape
	}
	return g, nil
}

// GenConfig is /ivp/ss/gen_config: empty when no generator was set up.
type GenConfig struct{ Exists bool }

// ParseGenConfig parses /ivp/ss/gen_config.
func ParseGenConfig(body []byte) (GenConfig, error) {
	var members map[string]json.RawMessage
	if err := decode(body, '{', &members); err != nil {
		return GenConfig{}, err
	}
	for _, wrong := range []string{"err", "error"} {
		if _, is := members[wrong]; is {
			return GenConfig{}, ErrShape
		}
	}
	return GenConfig{Exists: len(members) > 0}, nil
}
