vl2 --version | sed 's/[0-9]/N/g'
