package gateway

import (
	"fmt"
	"net/http"
)

// serverName is the web server of firmware 7 and later.
const serverName = "openresty/1.17.8.1"

// errorPage is what the web server says for a status.
func errorPage(status int) []byte {
	title := fmt.Sprintf("%d %s", status, statusText(status))
	if status == http.StatusUnauthorized {
		return []byte(loginPage)
	}
	return fmt.Appendf(nil, "<html>\r\n<head><title>%s</title></head>\r\n<body>\r\n<center><h1>%s</h1></center>\r\n"+
		"<hr><center>%s</center>\r\n</body>\r\n</html>\r\n", title, title, serverName)
}

// statusText uses the web server's words, which are not always Go's.
func statusText(status int) string {
	switch status {
	case http.StatusServiceUnavailable:
		return "Service Temporarily Unavailable"
	case http.StatusFound:
		return "Moved Temporarily"
	}
	return http.StatusText(status)
}

// loginPage comes with each 401 and sends a browser to the start page.
const loginPage = `<html>
<head><title>401 Authorization Required</title></head>
<body>
<center><h1>401 Authorization Required</h1></center>
<hr><center>Redirecting to <a id='link' href=''></a></center>
<script>
setTimeout(function () { window.location.pathname = '/home'; }, 500);
</script>
</body>
</html>
`

// validPage is the body of a successful check_jwt.
const validPage = "<!DOCTYPE html><h2>Valid token.</h2>\n"

// startPage is the user interface, where data was expected.
const startPage = "<!DOCTYPE html>\n<html><head><title>Envoy</title></head>" +
	"<body><noscript>You need to enable JavaScript to run this app.</noscript></body></html>\n"
