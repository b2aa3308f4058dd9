package cloud

import (
	"encoding/json"
	"fmt"
	"net/http"
)

// problem is an answer that is no data.
type problem struct {
	status int
	body   map[string]any
}

// Error lets handlers return it.
func (p *problem) Error() string { return fmt.Sprint(p.status, " ", p.body) }

// fail is the usual envelope.
func fail(status int, message, details string) *problem {
	return &problem{status: status, body: map[string]any{"message": message, "details": details, "code": status}}
}

// odd is the other envelope, whose message is an array.
func odd(status int) *problem {
	return &problem{status: status, body: map[string]any{
		"reason": fmt.Sprint(status), "message": []string{http.StatusText(status)},
	}}
}

func badRequest(details string) *problem {
	return fail(http.StatusBadRequest, "Bad Request", details)
}

func unauthorized(details string) *problem {
	return fail(http.StatusUnauthorized, "Not Authorized", details)
}

func forbidden() *problem {
	return fail(http.StatusForbidden, "Forbidden", "Not authorized to access this resource")
}

func notFound(id string) *problem {
	return fail(http.StatusNotFound, "Not Found", fmt.Sprintf("System not found for {:id=>%q}", id))
}

func unprocessable(details string) *problem {
	return fail(http.StatusUnprocessableEntity, "Unprocessable Entity", details)
}

// answer writes JSON.
func (c *Cloud) answer(w http.ResponseWriter, status int, doc any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	if err := json.NewEncoder(w).Encode(doc); err != nil {
		c.log.Debug("client went away", "error", err)
	}
}

// page writes HTML; title and body are safe already.
func (c *Cloud) page(w http.ResponseWriter, status int, title, body string) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, err := fmt.Fprintf(w, "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"/><title>%s</title></head>\n<body>\n%s\n</body></html>\n",
		title, body)
	if err != nil {
		c.log.Debug("client went away", "error", err)
	}
}
