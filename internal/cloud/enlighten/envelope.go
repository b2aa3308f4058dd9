package enlighten

import (
	"encoding/json"
	"strings"

	"envoyd/internal/cloud/budget"
	"envoyd/internal/scalar"
)

// envelope is what a body that reports an error says, whichever of the API's
// shapes it has: {message, details, code}, {reason, message: […]},
// {errorCode, errorMessages: […]}, {error: {…}}.
type envelope struct {
	words string // all texts, in lower case; for recognising, never for showing
	limit budget.Refusal
}

const maxWords = 4 << 10

// parseEnvelope never fails; HTML and nonsense say nothing.
func parseEnvelope(body []byte) envelope {
	var doc struct {
		Period string `json:"-"`
		Kind   text   `json:"period"`
		Start  epoch  `json:"period_start"`
		End    epoch  `json:"period_end"`
		Limit  whole  `json:"limit"`
	}
	var all map[string]json.RawMessage
	if json.Unmarshal(body, &all) != nil || json.Unmarshal(body, &doc) != nil {
		return envelope{}
	}
	var words strings.Builder
	for _, key := range []string{"message", "details", "reason", "error", "error_description", "errorMessages"} {
		gather(&words, all[key], 3)
	}
	e := envelope{words: strings.ToLower(words.String())}
	e.limit.Start, e.limit.End = doc.Start.Time, doc.End.Time
	if doc.Limit > 0 && doc.Limit < 1<<30 {
		e.limit.Limit = int(doc.Limit)
	}
	if p := strings.ToLower(string(doc.Kind)); p == "minute" || p == "month" {
		e.limit.Period = p
	}
	return e
}

// gather collects the texts of a value, to a depth.
func gather(to *strings.Builder, raw json.RawMessage, depth int) {
	if len(raw) == 0 || depth == 0 || to.Len() > maxWords {
		return
	}
	switch raw[0] {
	case '[':
		for _, element := range elements(raw) {
			gather(to, element, depth-1)
		}
	case '{':
		var object map[string]json.RawMessage
		_ = json.Unmarshal(raw, &object) // it was valid as a part of the whole
		for _, element := range object {
			gather(to, element, depth-1)
		}
	default:
		s := scalar.Text(raw)
		to.WriteString(s[:min(len(s), maxWords)] + "\n")
	}
}
