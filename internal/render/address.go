package render

// WebAddress returns address if it is one that a page or an answer may lead to: an
// http or https address with a host and without credentials; else nothing.
func WebAddress(address string) string { return webAddress(address) }
