package influx

import (
	"context"
	"errors"
	"net/http"
)

// Check asks whether points would be taken, and leaves none behind: it writes
// a batch without points. Databases look at login, bucket and rights before
// they look at the points: InfluxDB 1.8 and VictoriaMetrics then take the
// empty batch, 2 refuses it for being empty. The error is a *fault.Error with
// a mend: nothing listens, no database, a wrong login, an unknown bucket, TLS.
func (s *Sink) Check(ctx context.Context) error {
	err := s.writer.WriteRecord(ctx, "")
	if err == nil {
		return nil
	}
	if a, ok := errors.AsType[*answer](err); ok && a.database &&
		a.status == http.StatusBadRequest && mentions(a.message, emptyWords) {
		return nil
	}
	return s.explain(err)
}
