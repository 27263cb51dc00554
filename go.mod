module github.com/shipbell/shipbell

go 1.26
